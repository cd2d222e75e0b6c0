"""The deadline of one request while it moves: by its client, by budget policies, as far as the engine agrees.

An earlier deadline is taken at once. A later one is asked for first; until the engine agrees, and where it does
not, the old one stands. Whatever moved last wins: an agreement that comes after another move is void.
"""

import asyncio
from collections.abc import Callable
from math import nan

from interim.scheduling.budgets.budget import Budget, BudgetRequest
from interim.server.engine.messages import Verdict
from interim.server.front.actions import Action
from interim.server.front.truth import Truth

NOTICE_S = 0.010
"""A policy's deadline is at least this far ahead: what it cuts short can still be answered in time."""

AGREED = Verdict(id=0, ticket=0, admitted=True)


class Term:
    """One request's deadline.

    Args:
        truth: Of the request.
        asked: What its budget depends on.
        tell: Sends the engine a new `answer_by_s` with a ticket; False: no engine holds the request.
        act: Does what the truth says.
        moved: Hears what became of a policy's move: the policy, and "shortened", "extended" or "refused".

    Attributes:
        asked: As last revised.
        rehearsed: What a dry run last said of it.
    """

    def __init__(
        self,
        truth: Truth,
        asked: BudgetRequest,
        *,
        tell: Callable[[float, int], bool],
        act: Callable[[tuple[Action, ...]], None],
        moved: Callable[[str, str], None],
    ) -> None:
        self.asked = asked
        self.rehearsed: Budget | None = None
        self._truth = truth
        self._tell = tell
        self._act = act
        self._moved = moved
        self._clock = asyncio.get_running_loop().time
        self._policy_s = truth.deadline_s  # the deadline that the policies gave last
        self._told_s = nan  # what the engine was told last
        self._pending: dict[int, Callable[[Verdict], None]] = {}
        self._tickets = self._revisions = 0

    def settle(self, budget: Budget) -> bool:
        """Put a policy's budget in force, at once or when the engine agrees; False: it is so already."""
        truth, now_s = self._truth, self._clock()
        if truth.ended or budget.deadline_s == self._policy_s:
            return False
        by_s = max(budget.deadline_s, min(now_s + NOTICE_S, truth.deadline_s))
        ticket = self._tickets + 1

        def settled(verdict: Verdict) -> None:
            if not verdict.admitted:
                self._moved(budget.policy, "refused")
            elif ticket == self._tickets:  # nothing has moved since
                self._put(budget, by_s)
                self._moved(budget.policy, "extended")

        if not self._extend(by_s, settled):
            self._put(budget, by_s)
            self._inform()
            self._moved(budget.policy, "shortened")
        return True

    async def revise(
        self, asked: BudgetRequest, wish: Budget, policies: Callable[[BudgetRequest], Budget]
    ) -> Verdict:
        """The client moved its own deadline; says whether it did and, where not, why.

        Args:
            asked: What its budget depends on from now on.
            wish: What the client asks for.
            policies: Gives the budget in force, now or when the engine has agreed.
        """
        self._revisions += 1
        revision = self._revisions
        agreed: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        by_s = policies(asked).deadline_s
        if not self._extend(by_s, lambda verdict: None if agreed.done() else agreed.set_result(verdict)):
            agreed.set_result(AGREED)
        verdict = await agreed
        if revision != self._revisions:
            return Verdict(id=0, ticket=0, admitted=False, detail="a newer revision took its place")
        if not verdict.admitted:
            return verdict
        if self._truth.ended:
            return Verdict(id=0, ticket=0, admitted=False, detail="it ended before that could hold")
        self._revised(asked, wish, policies(asked))
        return verdict

    def inform(self) -> None:
        """Tell an engine that was just asked for the promise's instant of the deadline that is in force."""
        if self._truth.timer_s < self._truth.promise_s:
            self._inform()

    def on(self, verdict: Verdict) -> None:
        """The engine's answer to a move."""
        then = self._pending.pop(verdict.ticket, None)
        if then is not None:
            then(verdict)

    def lost(self) -> None:
        """The engine died: the next one is asked with whatever deadline is in force then."""
        pending, self._pending, self._told_s = self._pending, {}, nan
        for then in pending.values():
            then(AGREED)

    # --- inside -------------------------------------------------------------------------------------

    def _extend(self, by_s: float, then: Callable[[Verdict], None]) -> bool:
        """Ask the engine for a later deadline; False: it is none, or there is nobody to ask."""
        if by_s <= self._truth.deadline_s or self._truth.ended:
            return False
        if not self._send(by_s - self._truth.margin_s):
            return False
        self._pending[self._tickets] = then
        return True

    def _revised(self, asked: BudgetRequest, wish: Budget, budget: Budget) -> None:
        self.asked = asked
        self._act(self._truth.revised(self._clock(), wish.deadline_s))
        if budget.deadline_s < wish.deadline_s:
            self._put(budget, budget.deadline_s)
        self._policy_s = budget.deadline_s
        self._inform()

    def _put(self, budget: Budget, by_s: float) -> None:
        self._policy_s = budget.deadline_s
        self._act(self._truth.budget_moved(self._clock(), by_s, budget.policy))

    def _inform(self) -> None:
        """Tell the engine of the deadline in force; it takes an earlier one, whatever it answers."""
        if not self._truth.ended and self._truth.timer_s != self._told_s:
            self._send(self._truth.timer_s)

    def _send(self, answer_by_s: float) -> bool:
        self._tickets += 1
        self._told_s = answer_by_s
        return self._tell(answer_by_s, self._tickets)
