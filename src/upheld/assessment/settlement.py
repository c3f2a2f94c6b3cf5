"""What verdicts bring, kept up: when one changes, those that share a cap or a right with it are settled anew.

The rules are those of `consequences.settled`, which settles all at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from upheld.agreements.terms import Term
from upheld.assessment.consequences import credited, with_rights
from upheld.assessment.credit import Earned, Pot, credits
from upheld.assessment.verdict import Verdict

Place = tuple[int, int]
"""(position of the term, start of the period)."""
Scope = tuple[str, str | None]
"""(agreement, service) whose credits share a cap; of an agreement with a cap of its own, all of its services."""


class Settlement:
    """What each period of each term has earned so far."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = terms
        self._earned: list[dict[int, Earned]] = [{} for _ in terms]
        self._scopes: dict[Scope, list[int]] = defaultdict(list)
        self._promises: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for i, term in enumerate(terms):
            if term.tiers:
                self._scopes[_scope(term)].append(i)
            if term.chronic:
                self._promises[term.key].append(i)
        for i, term in enumerate(terms):
            if not term.chronic and term.key in self._promises:
                self._promises[term.key].append(i)

    def settle(
        self, made: Mapping[Place, tuple[Verdict, Earned | None]], kept: Sequence[Mapping[int, Verdict]]
    ) -> dict[Place, Verdict]:
        """`made` has verdicts that are new or have changed, without what they bring, and what they earn; `kept` the
        verdicts before that, by term and start of the period. Returns the former with all that they bring, and those of
        the latter that bring something else because of them."""
        found = {place: verdict for place, (verdict, _) in made.items()}

        def now(place: Place) -> Verdict:
            return found[place] if place in found else kept[place[0]][place[1]]

        for scope, pot in self._take_in(made):
            self._pay(scope, pot, found, now)
        touched = {self._terms[i].key for i, _ in made}
        for key in touched & self._promises.keys():
            self._give_rights(key, found, kept, now)
        return found

    def _take_in(self, made: Mapping[Place, tuple[Verdict, Earned | None]]) -> list[tuple[Scope, Pot]]:
        """Keeps what was earned; returns the pots of which that changes the sum."""
        pots: dict[tuple[Scope, Pot], None] = {}
        for (i, begins), (_, earned) in made.items():
            before = self._earned[i].pop(begins, None)
            if earned is not None:
                self._earned[i][begins] = earned
            pots |= {(_scope(self._terms[i]), one.pot): None for one in (before, earned) if one is not None}
        return list(pots)

    def _pay(self, scope: Scope, pot: Pot, found: dict[Place, Verdict], now: Callable[[Place], Verdict]) -> None:
        entries = [
            ((i, begins), earned)
            for i in self._scopes[scope]
            for begins, earned in sorted(self._earned[i].items())
            if earned.pot == pot
        ]
        for (place, _), credit in zip(entries, credits(earned for _, earned in entries), strict=True):
            found[place] = credited(self._terms[place[0]], now(place), credit)

    def _give_rights(
        self,
        key: tuple[str, str, str],
        found: dict[Place, Verdict],
        kept: Sequence[Mapping[int, Verdict]],
        now: Callable[[Place], Verdict],
    ) -> None:
        positions = sorted(self._promises[key])
        places = sorted(
            {(i, begins) for i in positions for begins in kept[i]} | {p for p in found if p[0] in positions}
        )
        if not any(one.status == "violated" for place in places for one in _both(place, found, kept)):
            return
        settled = with_rights([(self._terms[place[0]], now(place)) for place in places])
        for place, verdict in zip(places, settled, strict=True):
            if verdict != now(place):
                found[place] = verdict


def _both(place: Place, found: Mapping[Place, Verdict], kept: Sequence[Mapping[int, Verdict]]) -> Iterable[Verdict]:
    """A verdict that has changed, before and after."""
    if place in found:
        yield found[place]
        if place[1] in kept[place[0]]:
            yield kept[place[0]][place[1]]


def _scope(term: Term) -> Scope:
    together = term.charging is not None and term.charging.total_cap is not None
    return term.agreement, None if together else term.service
