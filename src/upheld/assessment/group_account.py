"""The account of a group whose members are assessed each by itself, and put together by their verdicts."""

from collections.abc import Sequence

from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.assessment.account import Account, Draft, Exclusions, open_account
from upheld.assessment.columns import Series
from upheld.assessment.exact import Numbers
from upheld.assessment.groups import combined_period
from upheld.assessment.verdict import Condition
from upheld.measurements.exclusions import EVERY_SERVICE


def open_any(term: Term, series: Sequence[Series], begin: int, lateness: int) -> Account:
    """An empty account of a service or of a group; `series` as `Term.series` lists them."""
    if term.members is None or term.members.by_slot:
        return open_account(term, series, begin, lateness)
    parts = [open_account(part, [own], begin, lateness) for part, own in zip(term.parts, series, strict=True)]
    return GroupAccount(term, parts)


class GroupAccount:
    """The accounts of the members, and the drafts that theirs come to together."""

    def __init__(self, term: Term, parts: Sequence[Account]) -> None:
        self.term, self._parts = term, parts
        self.drafts: dict[int, Draft] = {}
        self.exclusions: Exclusions = frozenset()
        self.wake_at = min(part.wake_at for part in parts)

    def update(self, as_of: int, touched: Numbers | None, exclusions: Exclusions) -> list[Draft]:
        self.exclusions = exclusions
        made = set()
        for part in self._parts:
            own = frozenset(x for x in exclusions if _concerns(part.term, x.service))
            if touched is None and as_of < part.wake_at and own == part.exclusions:
                continue
            made |= {draft.window.start for draft in part.update(as_of, touched, own)}
        self.wake_at = min(part.wake_at for part in self._parts)
        current = self._parts[0].drafts
        self.drafts = {begins: self._draft(begins) if begins in made else self.drafts[begins] for begins in current}
        return [draft for begins, draft in self.drafts.items() if begins in made]

    def condition(self, back: int = DAY) -> Condition:
        """Of all members: bad until the last of them was, good for as long as each has been since; members without any
        data are passed over. Where one is enough, that of the one that is good for longest."""
        assert self.term.members is not None
        found = [part.condition(back) for part in self._parts]
        measured = [c for c in found if c.bad_until is not None or c.good_for] or found
        if self.term.members.rule == "any":
            return min(measured, key=lambda c: (c.bad_until is not None, c.bad_until or 0))
        ends = [c.bad_until for c in measured if c.bad_until is not None]
        return Condition(max(ends, default=None), min(c.good_for for c in measured))

    def _draft(self, begins: int) -> Draft:
        of_parts = [part.drafts[begins] for part in self._parts]
        verdict, earned = combined_period(self.term, [(draft.verdict, draft.earned) for draft in of_parts])
        return Draft(of_parts[0].window, verdict, earned)


def _concerns(term: Term, service: str) -> bool:
    return service in term.subjects or service == EVERY_SERVICE
