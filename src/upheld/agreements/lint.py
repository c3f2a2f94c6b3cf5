"""What is allowed in agreements, and yet hardly meant: promises that cannot be measured, thresholds and tiers that
nothing can reach, people whom nobody can tell. Pure rules; each finding says where it stands, with its figures.

What contradicts itself the loader refuses. Here stands what holds together and still surprises."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from upheld.agreements.credits import AttainedTier, BadTimeTier
from upheld.agreements.hours import ServiceHours
from upheld.agreements.indicators import Aggregate, Availability, Commitments, Ratio
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.notice_terms import Notice
from upheld.agreements.objectives import BurnRate, Objective, Warning
from upheld.agreements.units import (
    DAY,
    HOUR,
    MINUTE,
    Bound,
    decimal_text,
    format_duration,
    format_instant,
    format_share,
)

Severity = Literal["warning", "note"]
"""A warning is hardly meant; a note may well be, and surprises the customer."""

_LONGEST = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_SHORTEST = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is the field's place in the agreements file; `objective` and `service` are None where the whole agreement
    is meant. `text` is one sentence with the figures."""

    rule: str
    severity: Severity
    agreement: str
    objective: str | None
    service: str | None
    path: tuple[str | int, ...]
    text: str


RULES: Mapping[str, str] = {
    "unmeasurable-target": "a target whose budget is less than one slot",
    "warning-never-first": "a soft threshold that is crossed only together with the target",
    "burn-rate-out-of-reach": "a burn rate that even an outage without a break does not reach",
    "burn-rate-too-late": "a burn rate that is noticed only when the budget is gone",
    "never-clears": "a clear_after that is longer than the period",
    "run-longer-than-budget": "runs (consecutive) so long that the first that counts breaks the target",
    "tier-out-of-reach": "a credit tier that no number of bad slots attains",
    "tier-behind-cap": "a worse tier that gives no more than a milder one, because of the cap",
    "miss-without-credit": "a target that can be missed without a credit, where other misses earn one",
    "credit-without-miss": "a credit for a period in which the target is met",
    "no-charge": "credits of a service for which nothing is charged",
    "claim-before-final": "a credit that can no longer be claimed when its verdict is final",
    "right-out-of-reach": "a right that needs more violated periods than there are",
    "notice-before-slot": "a notice that is due sooner than a slot lasts",
    "reminder-before-announcement": "a reminder of planned work that is due before its announcement",
    "lead-time-beyond-validity": "planned work that has to be announced longer before than the agreement is valid",
    "emergency-no-shorter": "emergency work is to be announced no later than other work",
    "no-window-a-month": "planned work may take no window in a month",
    "maintenance-counts": "planned work that is announced but not admitted as an exclusion",
    "no-cut-short": "a customer's no that no longer counts while its answer is still waited for",
    "validity-ended": "an agreement that is no longer valid",
    "nobody-to-tell": "a role without contacts",
    "credit-untold": "a credit that must be claimed, and no promise to tell the customer of it",
    "credit-told-late": "a credit that may be told of only when it can no longer be claimed",
    "credit-notice-without-credit": "a promise to tell of credits where nothing earns any",
}
"""Every rule with what it finds."""


def lint(portfolio: Portfolio, now: int) -> list[Finding]:
    """What is odd about the agreements of a portfolio at the instant `now` (microseconds UTC), in their order."""
    found: list[Finding] = []
    last = {agreement.id: agreement.validity[0] for agreement in sorted(portfolio.agreements, key=_since)}
    for number, agreement in enumerate(portfolio.agreements):
        place: tuple[str | int, ...] = ("agreements", number)
        amended = last[agreement.id] != agreement.validity[0]
        found += _of_agreement(portfolio, agreement, place, now, amended)
        for position, objective in enumerate(agreement.objectives):
            for index, promise in enumerate(objective.promises()):
                own = (*place, "objectives", position)
                of_period = () if objective.period is not None else ("periods", index)
                found += _of_promise(agreement, promise, _Place(agreement, promise, objective, own, of_period))
    return found


def _since(agreement: Agreement) -> int:
    return agreement.validity[0]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an objective stands; of a period of its own (`of_period`) where that says the field itself."""

    agreement: Agreement
    promise: Objective
    objective: Objective
    path: tuple[str | int, ...]
    of_period: tuple[str | int, ...]

    def finding(self, rule: str, severity: Severity, field: tuple[str | int, ...], text: str) -> Finding:
        path = (*self.path, *field)
        if self.of_period and field[0] in ("target", "warning", "credits"):
            terms = self.objective.periods[int(self.of_period[1])]
            if getattr(terms, str(field[0])) is not None:
                path = (*self.path, *self.of_period, *field)
        return Finding(rule, severity, self.agreement.id, self.promise.id, None, path, text)


# -- how many slots a period has --------------------------------------------------------------------------------------


def slots_at_most(promise: Objective, hours: ServiceHours | None) -> int:
    """The slots of the longest period, within the service hours."""
    return _slots(promise, hours, _LONGEST, HOUR)


def slots_at_least(promise: Objective, hours: ServiceHours | None) -> int:
    """The slots of the shortest whole period, within the service hours, holidays aside."""
    return _slots(promise, hours, _SHORTEST, -HOUR)


def _slots(promise: Objective, hours: ServiceHours | None, days_of: Mapping[str, int], clock: int) -> int:
    period, slot = promise.sole_period, promise.indicator.slot
    if hours is None:
        length = period.rolling or days_of[period.calendar or "day"] * DAY + clock
        return int(length // slot)
    days = -(-period.rolling // DAY) if period.rolling is not None else days_of[period.calendar or "day"]
    minutes = sorted((end - start for span in hours.hours if span for start, end in [span]), reverse=clock > 0)
    minutes = [*minutes, *[0] * (7 - len(minutes))] if clock > 0 else [*[0] * (7 - len(minutes)), *minutes]
    return (days // 7 * sum(minutes) + sum(minutes[: days % 7])) * MINUTE // slot


# -- the target and its budget ----------------------------------------------------------------------------------------


def _of_promise(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    indicator, target = promise.indicator, promise.target
    budget: Fraction | None = None
    in_parts = promise.group is not None and promise.group.rule == "mean"  # a slot may be bad in part
    if isinstance(indicator, Availability) and isinstance(target, Fraction) and target < 1 and not in_parts:
        budget = (1 - target) * slots_at_most(promise, agreement.service_hours)
        if budget < 1:
            yield _unmeasurable(agreement, promise, place, budget)
            budget = None
    if isinstance(indicator, Availability) and budget is not None and indicator.consecutive > budget:
        text = (
            f"a run counts from {indicator.consecutive:,} slots on, and {_promised(promise)} allows {_figure(budget)} "
            f"bad ones: the first run that counts breaks it"
        )
        yield place.finding("run-longer-than-budget", "warning", ("indicator", "consecutive"), text)
    if promise.warning is not None:
        yield from _of_warning(agreement, promise, promise.warning, budget, place)
    yield from _of_credits(agreement, promise, place)
    yield from _of_rights(promise, place)
    yield from _of_notices(agreement, promise, place)


def _unmeasurable(agreement: Agreement, promise: Objective, place: _Place, budget: Fraction) -> Finding:
    assert isinstance(promise.target, Fraction)
    slots, slot = slots_at_most(promise, agreement.service_hours), promise.indicator.slot
    largest = (1 - promise.target) * slots * slot
    can = _slot_of_at_most(largest)
    then = "a longer period can" if can is None else f"slots of {format_duration(can)} or less can"
    text = (
        f"{_promised(promise)} allows {_figure(budget)} of {slots:,} slots of {format_duration(slot)}: less than one, "
        f"so that a single bad slot breaks it; {then}"
    )
    return place.finding("unmeasurable-target", "warning", ("target",), text)


def _slot_of_at_most(longest: Fraction) -> int | None:
    """The longest slot in whole milliseconds that divides a day and is not longer than this; None if there is none."""
    day = DAY // 1_000
    first = max(-(-DAY // int(longest)), 1) if longest >= 1_000 else day + 1
    parts = next((n for n in range(first, day + 1) if day % n == 0), None)
    return None if parts is None else DAY // parts


def _of_warning(
    agreement: Agreement, promise: Objective, warning: Warning, budget: Fraction | None, place: _Place
) -> Iterator[Finding]:
    indicator, target = promise.indicator, promise.target
    if isinstance(target, Bound) or isinstance(indicator, Commitments):
        return
    if isinstance(indicator, Availability) and budget is not None and indicator.consecutive <= budget:
        yield from _never_first(agreement, promise, warning, budget, place)
    for number, burn in enumerate(warning.burn_rate):
        several = len(warning.burn_rate) > 1
        yield from _of_burn_rate(agreement, promise, burn, place, (number,) if several else ())
    length = _length(promise)
    if warning.clear_after * indicator.slot >= length:
        text = (
            f"{warning.clear_after:,} slots of {format_duration(indicator.slot)} are not shorter than the period of "
            f"{format_duration(length)}: what is at risk stays so to its end"
        )
        yield place.finding("never-clears", "warning", ("warning", "clear_after"), text)


def _never_first(
    agreement: Agreement, promise: Objective, warning: Warning, budget: Fraction, place: _Place
) -> Iterator[Finding]:
    """Bad slots are counted one by one: both thresholds may lie below the same next one. DESIGN rules 6 and 8."""
    assert isinstance(promise.indicator, Availability)
    breaks = int(budget) + 1
    crossed: list[tuple[str, int]] = []
    if warning.budget_spent is not None:
        crossed.append(("budget_spent", max(-int(-(warning.budget_spent * budget) // 1), 1)))
    if isinstance(warning.target, Fraction):
        slots = slots_at_most(promise, agreement.service_hours)
        crossed.append(("target", int((1 - warning.target) * slots) + 1))
    for field, bad in crossed:
        if max(bad, promise.indicator.consecutive) >= breaks:
            text = (
                f"{_promised(promise)} allows {_figure(budget)} bad slots: the warning is crossed at slot {bad:,}, the "
                f"target is broken at slot {breaks:,}; it is at risk and violated at once"
            )
            yield place.finding("warning-never-first", "warning", ("warning", field), text)


def _of_burn_rate(
    agreement: Agreement, promise: Objective, burn: BurnRate, place: _Place, number: tuple[int, ...]
) -> Iterator[Finding]:
    assert isinstance(promise.target, Fraction)
    field: tuple[str | int, ...] = ("warning", "burn_rate", *number)
    rate = decimal_text(burn.rate, 6)
    fastest = None if promise.target == 1 else 1 / (1 - promise.target)
    if fastest is not None and burn.rate > fastest:
        text = (
            f"with a target of {format_share(promise.target)} an outage without a break burns "
            f"{decimal_text(fastest, 2)} times too fast, never {rate} times"
        )
        yield place.finding("burn-rate-out-of-reach", "warning", (*field, "rate"), text)
    elif burn.rate * burn.long > _length(promise):
        spent = burn.rate * burn.long / _length(promise)
        text = (
            f"{format_duration(burn.long)} at {rate} times use up {decimal_text(spent * 100, 1)} % of the budget: it "
            f"is broken before the whole long window burns so fast"
        )
        yield place.finding("burn-rate-too-late", "warning", (*field, "long"), text)


def _length(promise: Objective) -> int:
    """The length of a period: the longest of its kind, changes of clocks aside."""
    period = promise.sole_period
    return period.rolling or _LONGEST[period.calendar or "day"] * DAY


# -- credits and rights -----------------------------------------------------------------------------------------------


def _of_credits(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    if not promise.credits:
        return
    yield from _uncharged(agreement, promise, place)
    yield from _out_of_reach(agreement, promise, place)
    yield from _beside_target(agreement, promise, place)
    yield from _behind_cap(agreement, promise, place)
    if agreement.claim is not None and agreement.lateness is not None and agreement.claim.within <= agreement.lateness:
        text = (
            f"a credit can be claimed for {format_duration(agreement.claim.within)} after its period, but its verdict "
            f"is final only after {format_duration(agreement.lateness)}"
        )
        yield place.finding("claim-before-final", "warning", ("credits",), text)


def _uncharged(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    if promise.group is None:
        names = [service for service in agreement.services if service not in agreement.charge]
    else:
        members = (promise.group.id, *(promise.group.services or agreement.services))
        names = [] if any(name in agreement.charge for name in members) else [promise.group.id]
    if names:
        text = f"promises credits, but nothing is charged for {_some(names)}: there is nothing that they are a share of"
        yield place.finding("no-charge", "warning", ("credits",), text)


def _out_of_reach(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    """A tier between two neighbouring counts of bad slots, in every whole period."""
    if not isinstance(promise.indicator, Availability) or promise.group is not None:
        return
    least, most = (f(promise, agreement.service_hours) for f in (slots_at_least, slots_at_most))
    lengths = tuple(_lengths(promise, least, most))
    tiers = [(n, t) for n, t in enumerate(promise.credits) if isinstance(t, AttainedTier)]
    for number, tier in tiers:
        worse = [t.below for _, t in tiers if t.share > tier.share and t.below <= tier.below]
        lowest = max([tier.lowest, *worse])
        if not any(_attains(lowest, tier.below, slots) for slots in lengths if slots):
            text = (
                f"no number of bad slots attains {format_share(lowest)} to below {format_share(tier.below)}: one of "
                f"{most:,} slots is already {format_share(Fraction(1, max(most, 1)))}"
            )
            yield place.finding("tier-out-of-reach", "warning", ("credits", number), text)


def _lengths(promise: Objective, least: int, most: int) -> Iterable[int]:
    """The numbers of slots of whole periods: with each number of days, and where the clock changes."""
    slot = promise.indicator.slot
    step = max(HOUR // slot, 1)
    return (*range(least, most + 1, step), most)


def _attains(lowest: Fraction, below: Fraction, slots: int) -> bool:
    """Whether good / slots lies from `lowest` to below `below` for some number of good slots."""
    good = -int(-(lowest * slots) // 1)
    return Fraction(good, slots) < below


def _beside_target(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    target = promise.target
    attained = [(n, t) for n, t in enumerate(promise.credits) if isinstance(t, AttainedTier)]
    timed = [(n, t) for n, t in enumerate(promise.credits) if isinstance(t, BadTimeTier)]
    if isinstance(target, Bound) or (attained and timed):
        return
    if attained:
        number, best = max(attained, key=lambda one: one[1].below)
        if best.below < target:
            text = (
                f"a period from {format_share(best.below)} to below {format_share(target)} misses the target and earns "
                f"no credit"
            )
            yield place.finding("miss-without-credit", "note", ("credits", number), text)
        elif best.below > target:
            text = (
                f"a period from {format_share(target)} to below {format_share(best.below)} meets the target and earns "
                f"a credit of {format_share(best.share)}"
            )
            yield place.finding("credit-without-miss", "note", ("credits", number), text)
    elif timed and isinstance(promise.indicator, Availability):
        number, first = min(timed, key=lambda one: one[1].limit)
        slot = promise.indicator.slot
        allowed = (1 - target) * slots_at_least(promise, agreement.service_hours) // 1 * slot
        broken = ((1 - target) * slots_at_most(promise, agreement.service_hours) // 1 + 1) * slot
        if not first.holds(int(broken)):
            text = (
                f"{format_duration(int(broken))} of bad time miss the target and earn no credit: the first tier begins "
                f"at {format_duration(first.limit)}"
            )
            yield place.finding("miss-without-credit", "note", ("credits", number), text)
        elif first.holds(int(allowed)):
            text = (
                f"{format_duration(int(allowed))} of bad time meet the target and earn a credit of "
                f"{format_share(first.share)}"
            )
            yield place.finding("credit-without-miss", "note", ("credits", number), text)


def _behind_cap(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    caps = agreement.credit_cap
    units = {charge.per for charge in agreement.charge.values()}
    if caps is None or caps.service is None or units - {None, promise.sole_period.calendar}:
        return
    shares = [(t.share, n) for n, t in enumerate(promise.credits) if isinstance(t, AttainedTier | BadTimeTier)]
    for share, number in shares:
        if any(caps.service <= other < share for other, _ in shares):
            cap = format_share(caps.service)
            text = f"gives {format_share(share)}, but a milder tier already reaches the cap of {cap}"
            yield place.finding("tier-behind-cap", "warning", ("credits", number), text)


def _of_rights(promise: Objective, place: _Place) -> Iterator[Finding]:
    unit = promise.sole_period.calendar
    if unit not in _MONTHS:
        return
    for number, chronic in enumerate(promise.chronic):
        periods = (chronic.within - 1) // _MONTHS[unit] + 1
        if chronic.violations > periods:
            text = (
                f"the right to {chronic.right} needs {chronic.violations:,} violated periods, and only {periods:,} end "
                f"within {chronic.within:,} months"
            )
            field = ("chronic", number) if len(promise.chronic) > 1 else ("chronic",)
            yield place.finding("right-out-of-reach", "warning", field, text)


# -- notices, maintenance and validity --------------------------------------------------------------------------------


def _of_notices(agreement: Agreement, promise: Objective, place: _Place) -> Iterator[Finding]:
    """A slot's verdict is known when the slot has ended and what was measured in its last instant has arrived."""
    indicator = promise.indicator
    if not isinstance(indicator, Availability | Ratio | Aggregate):
        return
    for name in ("violation", "degradation", "restoration"):
        notice: Notice | None = getattr(agreement.notices, name)
        if notice is None or notice.within is None or notice.within >= indicator.slot:
            continue
        text = (
            f"notices.{name} is due {format_duration(notice.within)} after the event, but what happens in a slot of "
            f"{format_duration(indicator.slot)} is known only when it has ended"
        )
        yield place.finding("notice-before-slot", "warning", ("indicator", "slot"), text)


def _of_agreement(
    portfolio: Portfolio, agreement: Agreement, place: tuple[str | int, ...], now: int, amended: bool
) -> Iterator[Finding]:
    def finding(rule: str, severity: Severity, field: tuple[str | int, ...], text: str) -> Finding:
        return Finding(rule, severity, agreement.id, None, None, (*place, *field), text)

    start, end = agreement.validity
    if end is not None and end <= now and not amended:
        text = f"is valid until {format_instant(end)} only: nothing is assessed from then on"
        yield finding("validity-ended", "warning", ("valid", "to"), text)
    planned = agreement.notices.maintenance
    if planned is not None:
        field = ("notices", "maintenance")
        if planned.reminder is not None and planned.reminder >= planned.lead_time:
            text = (
                f"reminds {format_duration(planned.reminder)} before the work, when it need not be announced before "
                f"{format_duration(planned.lead_time)}"
            )
            yield finding("reminder-before-announcement", "warning", (*field, "reminder"), text)
        if end is not None and planned.lead_time >= end - start:
            text = (
                f"work is to be announced {format_duration(planned.lead_time)} before, and the agreement is valid for "
                f"{format_duration(end - start)}: no work can earn its exclusion"
            )
            yield finding("lead-time-beyond-validity", "warning", (*field, "lead_time"), text)
        if planned.emergency is not None and planned.emergency.lead_time >= planned.lead_time:
            text = (
                f"emergency work is to be announced {format_duration(planned.emergency.lead_time)} before, and other "
                f"work {format_duration(planned.lead_time)}: an emergency is judged no easier"
            )
            yield finding("emergency-no-shorter", "warning", (*field, "emergency", "lead_time"), text)
        for name, terms in (("per_month", planned), ("emergency", planned.emergency)):
            if terms is not None and terms.per_month == 0:
                text = "allows no window in a month: no work can earn its exclusion"
                yield finding("no-window-a-month", "warning", (*field, name), text)
        if agreement.exclusions is not None and "planned_maintenance" not in agreement.exclusions:
            text = "planned work is announced, but exclusions: do not admit planned_maintenance: it counts as bad"
            yield finding("maintenance-counts", "note", ("exclusions",), text)
    asked = agreement.confirmation
    if asked.reopen_within < asked.close_after:
        text = (
            f"the customer has {format_duration(asked.close_after)} to answer, but once one contact has said yes the "
            f"no of another counts for {format_duration(asked.reopen_within)} only"
        )
        yield finding("no-cut-short", "warning", ("confirmation", "reopen_within"), text)
    for rule, severity, path, text in _of_credit_notices(agreement):
        yield finding(rule, severity, path, text)
    yield from _untold(portfolio, agreement, place)


def _of_credit_notices(agreement: Agreement) -> Iterator[tuple[str, Severity, tuple[str | int, ...], str]]:
    """(rule, severity, field, text)"""
    told, claim = agreement.notices.credit, agreement.claim
    earned = any(promise.credits for promise in agreement.promises)
    if told is not None and not earned:
        text = "notices.credit promises to tell of credits, and no objective has any"
        yield "credit-notice-without-credit", "warning", ("notices", "credit"), text
    if claim is None or not earned:
        return
    if told is None or not any(role.startswith("customer.") for role in told.to):
        text = (
            f"credits must be claimed within {format_duration(claim.within)}, and notices.credit tells no role of the "
            f"customer that there is one"
        )
        yield "credit-untold", "warning", ("claim",), text
    elif told.within is not None and told.within >= claim.within:
        text = (
            f"notices.credit is due {format_duration(told.within)} after the verdict is final, when a credit must be "
            f"claimed within {format_duration(claim.within)} after the period"
        )
        yield "credit-told-late", "warning", ("notices", "credit", "within"), text


def _untold(portfolio: Portfolio, agreement: Agreement, place: tuple[str | int, ...]) -> Iterator[Finding]:
    customer = next((party for party in portfolio.customers if party.id == agreement.customer), None)
    for name in ("violation", "degradation", "restoration", "maintenance", "credit", "summary"):
        notice = getattr(agreement.notices, name)
        for number, role in enumerate(notice.to if notice is not None else ()):
            of_customer = role.startswith("customer.")
            party = customer if of_customer else portfolio.provider
            if party is not None and party.contacts.get(role.removeprefix("customer.")):
                continue
            missing = f"customer {agreement.customer}" if of_customer else "the provider"
            said = f"{missing} has no contact under it" if party is not None else f"{missing} is not described"
            text = f"notices.{name} are for {role}, but {said}: they go nowhere"
            path = (*place, "notices", name, "to", number)
            yield Finding("nobody-to-tell", "warning", agreement.id, None, None, path, text)


# -- words ------------------------------------------------------------------------------------------------------------


def _promised(promise: Objective) -> str:
    """`99.999 % of a day`, `99.9 % of 28d`."""
    period = promise.sole_period
    assert isinstance(promise.target, Fraction)
    of = f"a {period.calendar}" if period.calendar else format_duration(period.rolling or 0)
    return f"{format_share(promise.target)} of {of}"


def _figure(value: Fraction) -> str:
    return decimal_text(value, 4)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
