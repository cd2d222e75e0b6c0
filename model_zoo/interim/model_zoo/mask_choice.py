"""A masking rule as people write it: NAME or NAME=VALUE; read without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

FORMS = {
    "threshold": "threshold=T",
    "share": "share=S",
    "entropy": "entropy=E",
    "random": "random=S",
    "cascade": "cascade=T",
    "sampling": "sampling=S",
}
"""Each rule, with what stands behind its name."""

SHARES = ("share", "random", "sampling")
"""Rules of shares, which may be one for all exits or one an exit."""

FILLS = {"cascade": "whole", "sampling": "rbf"}
"""Rules that bring their own fill (registry.build) in place of the one that a network was trained with."""

CARD = "card"
WORDS = (
    f"{CARD}, {', '.join(FORMS.values())}: numbers from 0 to 1 (T, E: a level; S: the share refined, "
    "or falling ones by exit as 0.7/0.5/0.4)"
)
"""Completes "must be …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskChoice:
    """Which positions are refined: the rule's name, and its level, or its shares by exit, from 0 to 1.

    `values` is empty where the card's threshold is meant.
    """

    name: str = CARD
    values: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """As it is written."""
        values = "/".join(f"{value:g}" for value in self.values)
        return f"{self.name}={values}" if values else self.name

    @property
    def threshold(self) -> float | None:
        """The confidence that separates sure from unsure, where the rule brings one."""
        return self.values[0] if self.name in {"threshold", "cascade"} and self.values else None

    @property
    def fill(self) -> str | None:
        """The fill that the rule brings; None: the network's own."""
        return FILLS.get(self.name)


def mask_choice(text: str) -> MaskChoice:
    """Read a rule.

    Raises:
        ValueError: there is no such rule, or its value breaks the rule.
    """
    name, equals, value = text.partition("=")
    try:
        values = tuple(float(part) for part in value.split("/")) if equals else ()
    except ValueError:
        values = (math.nan,)
    many = name in SHARES and bool(values) and all(a >= b for a, b in pairwise(values))
    fits = all(0 <= each <= 1 for each in values) and (many or len(values) == 1)
    bare = not equals and name in {CARD, "threshold", "cascade"}
    if not bare and not (fits and name in FORMS):
        raise ValueError(f"{text}: must be {WORDS}")
    return MaskChoice(name=name, values=values)
