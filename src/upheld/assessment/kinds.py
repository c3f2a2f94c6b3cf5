"""What the fleet can carry, and a term's rules as a row of integers that the kernels read. DESIGN rules 4 to 8."""

from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from upheld.agreements.indicators import Availability, Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import END_OF_TIME, SECOND

MOST_SLOTS = 2**24
"""More than a period may have slots."""
MOST_EVENTS = 2**62
"""More than a window's events may be."""
NEVER = 2**31 - 1
"""A slot that is never reached."""

Form = Literal["values", "rates", "counts"]
"""What a herd reads and keeps: values as good and bad slots, counts as good and bad slots, or counts as counts."""

_OPERATORS = {"<=": 0, ">=": 1, "<": 2, ">": 3, "==": 4, "!=": 5}
_RULES = {"any_bad": 0, "all_bad": 1, "last": 2}
_POLICIES = {"exclude": 0, "bad": 1, "good": 2}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the members of a herd share: the form of their slots, the slot's width and the patience (microseconds), the
    length of a rolling window in slots (0: calendar) and the calendar unit, and whether bad slots count as runs."""

    form: Form
    width: int
    patience: int
    length: int
    unit: str | None
    runs: bool


def carries(term: Term) -> bool:
    """Whether the fleet can assess a term: availability by `any_bad`, `all_bad`, `last` or an error rate, or a ratio
    weighed by events, of one service, with the soft thresholds `budget_spent` and `target`. Slots last a second or
    longer, and the agreement ends with a slot. Every other term stays with the accounts of `assessment.advance`."""
    indicator = term.indicator
    if isinstance(indicator, Availability):
        if indicator.error_rate_over is None and indicator.slot_rule not in _RULES:
            return False
        if (indicator.consecutive, indicator.recovery) != (1, 1):
            return False
    elif not (isinstance(indicator, Ratio) and indicator.weighting == "events"):
        return False
    warning = term.warning
    plain = warning is None or (
        not warning.burn_rate and warning.forecast is None and warning.elapsed is None and warning.clear_after == 1
    )
    alone = term.members is None and not term.chronic
    whole = term.valid_to is None or term.valid_to % indicator.slot == 0
    return plain and alone and whole and indicator.slot >= SECOND and isinstance(term.target, Fraction)


def shape_of(term: Term, lateness: int) -> Shape:
    """The shape of a term that the fleet carries; `lateness` (microseconds) is that of agreements that state none."""
    indicator = term.indicator
    runs = isinstance(indicator, Availability) and (indicator.consecutive, indicator.recovery) != (1, 1)
    if isinstance(indicator, Ratio):
        form: Form = "counts"
    else:
        assert isinstance(indicator, Availability)
        form = "values" if indicator.error_rate_over is None else "rates"
    rolling = term.period.rolling
    patience = lateness if term.lateness is None else term.lateness
    return Shape(
        form,
        indicator.slot,
        patience,
        (rolling or 0) // indicator.slot,
        None if rolling else term.period.calendar,
        runs,
    )


def kind_of(term: Term) -> Hashable:
    """Terms with the same key here have the same rules and the same windows."""
    validity = term.valid_from, term.valid_to
    return term.zone.key, *validity, term.period, term.target, term.warning, _without_metric(term.indicator)


def _without_metric(indicator: object) -> Hashable:
    assert isinstance(indicator, Availability | Ratio)
    return indicator.model_copy(update={"metric": ""})


def rules_of(term: Term) -> tuple[list[int], float]:
    """The columns POLICY to MIN_TOTAL of a term's kind, and the limit that a value is compared with."""
    indicator, warning = term.indicator, term.warning
    assert isinstance(term.target, Fraction)
    share = 1 - term.target
    is_slots = isinstance(indicator, Availability)
    most = MOST_SLOTS if is_slots else MOST_EVENTS
    softer = None if warning is None or not isinstance(warning.target, Fraction) else 1 - warning.target
    spent = None if warning is None or warning.budget_spent is None else warning.budget_spent * share
    columns = [_POLICIES["exclude" if not is_slots else indicator.missing], *_pair(neighbours(share, most)[0])]
    columns += (0, 0) if softer is None else _pair(neighbours(softer, most)[0])
    columns += (0, 0) if spent is None else _pair(neighbours(spent, most)[1])
    if not isinstance(indicator, Availability):
        return [*columns, 1, 1, int(share == 0), 0, 0, 0, 0], 0.0
    columns += (indicator.consecutive, indicator.recovery, _RULES.get(indicator.slot_rule, 0))
    if indicator.error_rate_over is not None:
        errors = neighbours(indicator.error_rate_over, MOST_EVENTS)[0]
        return [*columns, 0, *_pair(errors), min(indicator.min_total, MOST_EVENTS)], 0.0
    assert indicator.good_when is not None
    return [*columns, _OPERATORS[indicator.good_when.operator], 0, 0, 0], float(indicator.good_when.limit)


def _pair(share: Fraction) -> tuple[int, int]:
    return share.numerator, share.denominator


def neighbours(share: Fraction, most: int) -> tuple[Fraction, Fraction]:
    """The nearest fractions from below and from above whose denominators are at most `most`.

    No integers spent and base <= most have a quotient between the two and the share, so that spent > share * base is
    spent > below * base, and spent >= share * base is spent >= above * base: exact, in integers that fit."""
    if share.denominator <= most:
        return share, share
    before, last = (0, 1), (1, 0)  # the two convergents before, as numerator and denominator
    n, d = share.numerator, share.denominator
    while True:
        whole = n // d
        if before[1] + whole * last[1] > most:
            break
        before, last = last, (before[0] + whole * last[0], before[1] + whole * last[1])
        n, d = d, n - whole * d
    steps = (most - before[1]) // last[1]
    one, other = Fraction(before[0] + steps * last[0], before[1] + steps * last[1]), Fraction(*last)
    return (one, other) if one < other else (other, one)


assert END_OF_TIME // SECOND < 2**34
