"""The reference model's soft thresholds that look at how fast a budget is being spent. DESIGN rule 8.

Everything is told of the steps of a period, or of a rolling window, up to the end of a slot: one step for each slot,
in order. What a slot spends counts in the step at whose end that is decided: where bad slots count as runs, a run's
first slots are spent once it is long enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from upheld.agreements.objectives import BurnRate, Forecast


@dataclass(slots=True)
class Step:
    """What the end of a slot adds: budget that is spent, and what a budget is a share of (the slot itself where it is
    neither excluded nor missing without counting; where events are weighed, its events). `counts` is whether the slot
    could spend anything at all."""

    base: int
    counts: bool
    spent: Fraction = Fraction(0)


def burns(burn: BurnRate, allowed: Fraction, steps: Sequence[Step], slot: int) -> bool:
    """Whether over the last `long` time, and over the last `short` too, budget was spent at least `rate` times as fast
    as would use it up exactly. Never before `long` has passed within the period: one bad slot of the first few would
    be any rate. `allowed` is 1 - target, `slot` the width of a slot in microseconds."""
    if len(steps) < burn.long // slot:
        return False
    return all(_spends_at(burn.rate, allowed, steps[-(time // slot) :]) for time in (burn.long, burn.short))


def _spends_at(rate: Fraction, allowed: Fraction, steps: Sequence[Step]) -> bool:
    spent = sum((step.spent for step in steps), Fraction(0))
    return spent > 0 and spent >= rate * allowed * sum(step.base for step in steps)


def runs_out(
    forecast: Forecast, allowed: Fraction, steps: Sequence[Step], slot: int, to_come: int, base: int | None
) -> bool:
    """Whether the budget is exceeded at the end of the period if it goes on as in the last `over` time: for each of
    the `to_come` slots that are still to come and not excluded, as for a slot that counted. Never before `over` has
    passed within the period. `base` is what the budget is a share of at the period's end; None where that goes on as
    the spending does, for events."""
    length = forecast.over // slot
    last = steps[-length:]
    counting, spending = sum(step.counts for step in last), sum((step.spent for step in last), Fraction(0))
    if len(steps) < length or not counting or not spending:
        return False
    more = Fraction(to_come, counting)
    spent = sum((step.spent for step in steps), Fraction(0)) + spending * more
    if base is None:
        return spent > allowed * (sum(step.base for step in steps) + sum(step.base for step in last) * more)
    return spent > allowed * base


def lingers(crossed: Sequence[int], at: int, clear_after: int) -> bool:
    """Whether a soft threshold counts as crossed at the end of slot `at`: it was at the end of one of the last
    `clear_after` slots, this one included. `crossed` holds the slots at whose end it was."""
    return any(at - clear_after < number <= at for number in crossed)
