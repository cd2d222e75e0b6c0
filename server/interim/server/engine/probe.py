"""Stages run for nobody, to find out what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interim.scheduling.doubts import Doubt
    from interim.server.engine.request import Request


@dataclass(slots=True, eq=False)
class Probe:
    """Measure what is in doubt while the device is idle; shared by the two threads.

    Control gives it up as soon as there is a request; compute then stops at the next slice border.
    """

    doubt: Doubt
    request: Request | None = None
    given_up: bool = False

    def give_up(self) -> None:
        """There is work to do."""
        self.given_up = True
        request = self.request
        if request is not None:
            request.forgotten = True

    def enter(self, request: Request) -> None:
        """This request runs next, on behalf of the probe."""
        self.request = request
        request.forgotten = self.given_up

    def leave(self) -> None:
        """It has run: what it holds is free for others, however long somebody keeps the probe."""
        self.request = None
