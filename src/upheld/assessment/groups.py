"""Promises about several services together: members put together slot by slot, or by their verdicts.

Both models of assessment share these rules of a single slot and of verdicts; each has its own way to walk the slots."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from upheld.agreements.indicators import MissingPolicy
from upheld.agreements.terms import Members, Term
from upheld.agreements.units import Bound
from upheld.assessment.credit import Earned
from upheld.assessment.verdict import Evidence, Verdict

State = Literal["good", "bad", "missing", "excluded"]
SEVERITY = {"no_data": 0, "met": 1, "at_risk": 2, "violated": 3}

Assessed = tuple[Verdict, Earned | None]


def together(members: Members, policy: MissingPolicy, states: Sequence[State]) -> tuple[State, Fraction]:
    """What a slot of a group is, given what each member's slot is by itself; and the budget that it spends.

    `redundant` is good where at least `needs` members are good, and bad where fewer could be if those had been that
    are excluded, or without data that count as nothing. `mean` spends the weight of the bad members as a share of that
    of the good and the bad ones, and is good where none is bad. Else the slot is excluded where a member is, and
    missing where none is. Where no member has data, a slot that counts by the `policy` is missing."""
    counted = [policy if state == "missing" and policy != "exclude" else state for state in states]
    weights = [weight for _, weight in members.services]
    if members.rule == "redundant":
        good = counted.count("good")
        could = good + counted.count("missing") + counted.count("excluded")
        outcome = "good" if good >= members.needs else "bad" if could < members.needs else None
        spent = Fraction(outcome == "bad")
    else:
        good = sum(weight for weight, state in zip(weights, counted, strict=True) if state == "good")
        bad = sum(weight for weight, state in zip(weights, counted, strict=True) if state == "bad")
        outcome = None if not good + bad else "bad" if bad else "good"
        spent = Fraction(bad, good + bad) if good + bad else Fraction(0)
    if outcome is None:
        return ("excluded" if "excluded" in states else "missing"), Fraction(0)
    measured = "good" in states or "bad" in states
    return ("missing" if not measured else "bad" if outcome == "bad" else "good"), spent


def surely_excluded(members: Members, excluded: int) -> bool:
    """Whether a slot in which so many members are excluded is so too, whatever is measured of the others."""
    others = len(members.services) - excluded
    if members.rule == "mean":
        return others == 0
    return others < members.needs <= excluded


def down_reason(reason: str, down: Sequence[str], without_data: Sequence[str]) -> str:
    """`reachable not >= 1: path-a, path-b without data`: why a slot is bad, and which members were down in it."""
    names = [*down, *(f"{service} without data" for service in without_data)]
    return f"{reason}: {', '.join(names)}" if names else reason


def combined(term: Term, parts: Sequence[Sequence[Assessed]]) -> list[Assessed]:
    """The verdicts of a group whose rule is `all` or `any`, given those of each member (see `Term.parts`), by period.

    Of the members with data, the worst decides where the rule is `all`, the best where it is `any`: its status,
    figures, counts and budget are the group's, and what it earns. The thresholds were crossed when the first member did
    so, or the last; the evidence is that of all, each with the member's name. Final once all are."""
    return [combined_period(term, of_period) for of_period in zip(*parts, strict=True)]


def combined_period(term: Term, found: Sequence[Assessed]) -> Assessed:
    """As `combined`, of one period."""
    assert term.members is not None
    assert len({verdict.period_start for verdict, _ in found}) == 1
    worst_first = sorted(found, key=lambda one: _rank(term, one), reverse=True)
    measured = [one for one in worst_first if one[0].status != "no_data"]
    every = term.members.rule == "all"
    verdict, earned = worst_first[0] if not measured else measured[0] if every else _best(term, measured)
    at_risk, violated = ([getattr(v, name) for v, _ in measured] for name in ("at_risk_at", "violated_at"))
    joined = replace(
        verdict,
        service=term.service,
        final=all(v.final for v, _ in found),
        at_risk_at=_crossed(at_risk, every),
        violated_at=_crossed(violated, every),
        evidence=_named([v for v, _ in found]),
    )
    return joined, None if earned is None else replace(earned, term=term)


def _best(term: Term, worst_first: Sequence[Assessed]) -> Assessed:
    best = min(_rank(term, one) for one in worst_first)
    return next(one for one in worst_first if _rank(term, one) == best)


def _rank(term: Term, one: Assessed) -> tuple[int, Fraction | Decimal]:
    """The greater, the worse."""
    verdict, earned = one
    severity = SEVERITY[verdict.status]
    if verdict.attained is None:
        return severity, Fraction(0)
    if isinstance(term.target, Bound):
        attained = Decimal(verdict.attained)
        return severity, attained if term.target.operator[0] == "<" else attained.copy_negate()
    return severity, -(Fraction(verdict.attained) if earned is None else earned.attained)


def _crossed(instants: Sequence[int | None], every: bool) -> int | None:
    """When the first member crossed a threshold; where one is enough to keep the promise, when the last did."""
    crossed = [instant for instant in instants if instant is not None]
    if every:
        return min(crossed, default=None)
    return max(crossed, default=None) if len(crossed) == len(instants) else None


def _named(verdicts: Sequence[Verdict]) -> tuple[Evidence, ...]:
    return tuple(sorted(replace(e, reason=f"{v.service}: {e.reason}") for v in verdicts for e in v.evidence))
