"""A page whose tables are made anew while its words stay: between `<!-- table: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with each table in its place.

    Raises:
        ValueError: the page has no place for a table, or asks for one that does not exist.
    """
    asked = [match["name"] for match in _PLACE.finditer(page)]
    unknown = sorted(set(asked) - tables.keys())
    if unknown or not asked:
        problem = f"asks for the table {unknown[0]!r}" if unknown else "has no place for a table"
        known = ", ".join(sorted(tables))
        raise ValueError(
            f"The page {problem}: write <!-- table: NAME --> and <!-- end -->, NAME one of {known}."
        )
    return _PLACE.sub(lambda match: f"{match[1]}{tables[match['name']]}\n{match[3]}", page)
