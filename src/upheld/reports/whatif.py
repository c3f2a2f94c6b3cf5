"""What other terms would have made of the same past: verdicts, notices and credits of two portfolios, compared. Pure.

Notices follow from the agreements' notice terms and the instants at which thresholds were crossed, and from no more:
one for each role, without silence, maintenance or a case's later turns."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from upheld.agreements.model import Agreement, Portfolio, in_force
from upheld.agreements.units import format_instant, to_datetime
from upheld.assessment.verdict import Status, Verdict
from upheld.assessment.verdict import to_document as verdict_document

Key = tuple[str, str, str, int, int]
"""(agreement, objective, service, period_start, period_end)."""

_COMPARED = ("status", "attained", "budget", "spent", "at_risk_at", "violated_at", "credit", "consequences")
_BY_DAY_UP_TO = 62
"""So many periods of two months are shown one by one; more are summed up by month."""


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict that differs. `before` or `after` is None where the one or the other has no such period."""

    key: Key
    before: Verdict | None
    after: Verdict | None


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """A notice that follows from a verdict: `role` is told of `kind`, happened `at` and due by `due_by` (microseconds
    UTC; None where the agreement sets no time)."""

    at: int
    agreement: str
    objective: str
    service: str
    kind: Literal["degradation", "violation"]
    role: str
    period_start: int
    due_by: int | None = None

    @property
    def subject(self) -> tuple[str, str, str, int, str, str]:
        """What it is about and to whom: the same notice at another time has the same subject."""
        return self.agreement, self.objective, self.service, self.period_start, self.kind, self.role


@dataclass(slots=True)
class Sums:
    """What verdicts come to: how many of each status, how many notices, and the credits by currency."""

    statuses: Counter[Status] = field(default_factory=Counter)
    notices: int = 0
    credits: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


@dataclass(frozen=True, slots=True)
class Pair:
    """The sums of one month, or of one period's first day, before and after; `label` is `2026-06` or `2026-06-01`."""

    label: str
    before: Sums
    after: Sums


@dataclass(frozen=True, slots=True)
class Comparison:
    """`months` has every month that a period begins in, `bars` what a chart shows. Notices are sorted by time;
    `moved_notices` has those that are sent at another time, before and after. `alike` is how many verdicts do not
    differ."""

    changes: tuple[Change, ...]
    alike: int
    new_notices: tuple[Told, ...]
    lost_notices: tuple[Told, ...]
    moved_notices: tuple[tuple[Told, Told], ...]
    months: tuple[Pair, ...]
    bars: tuple[Pair, ...]
    total: Pair
    zones: Mapping[str, ZoneInfo]

    @property
    def differs(self) -> bool:
        return bool(self.changes or self.new_notices or self.lost_notices or self.moved_notices)

    @property
    def telling(self) -> tuple[Change, ...]:
        """The changes of another outcome: a status, a figure attained, a credit, a right or the instant of violation.
        The others are of budgets and of soft thresholds that came to nothing."""
        return tuple(change for change in self.changes if _outcome(change.before) != _outcome(change.after))

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency in which a credit is owed, before or after."""
        return tuple(sorted({*self.total.before.credits, *self.total.after.credits}))


def compare(
    before: Portfolio, after: Portfolio, verdicts_before: Sequence[Verdict], verdicts_after: Sequence[Verdict]
) -> Comparison:
    """The difference that `after` makes to `before`, each with the verdicts of the same past."""
    zones = {a.id: a.time_zone for portfolio in (after, before) for a in portfolio.agreements}
    was, becomes = ({_key(v): v for v in verdicts} for verdicts in (verdicts_before, verdicts_after))
    keys = sorted({*was, *becomes}, key=lambda key: (key[3], key))
    changes = tuple(
        Change(key, was.get(key), becomes.get(key)) for key in keys if _differ(was.get(key), becomes.get(key))
    )
    told = [notices_of(p, v) for p, v in ((before, verdicts_before), (after, verdicts_after))]
    old, new = ({notice.subject: notice for notice in found} for found in told)
    months, days = _sums((verdicts_before, verdicts_after), told, zones)
    by_day = len(months) <= 2 and len(months) < len(days) <= _BY_DAY_UP_TO
    return Comparison(
        changes=changes,
        alike=len(keys) - len(changes),
        new_notices=tuple(sorted(new[subject] for subject in new.keys() - old.keys())),
        lost_notices=tuple(sorted(old[subject] for subject in old.keys() - new.keys())),
        moved_notices=tuple(sorted((old[s], new[s]) for s in old.keys() & new.keys() if old[s] != new[s])),
        months=months,
        bars=days if by_day else months,
        total=_total(months),
        zones=zones,
    )


def _key(verdict: Verdict) -> Key:
    return (*verdict.key, verdict.period_end)


def _outcome(verdict: Verdict | None) -> Any:
    if verdict is None:
        return None
    return verdict.status, verdict.attained, verdict.credit, verdict.consequences, verdict.violated_at


def _differ(one: Verdict | None, other: Verdict | None) -> bool:
    if one is None or other is None:
        return True
    return any(getattr(one, name) != getattr(other, name) for name in _COMPARED)


def notices_of(portfolio: Portfolio, verdicts: Iterable[Verdict]) -> list[Told]:
    """The notices that the agreements' terms promise for these verdicts, in the order of the verdicts."""
    found: list[Told] = []
    for verdict in verdicts:
        crossed = verdict.at_risk_at if verdict.at_risk_at != verdict.violated_at else None
        for kind, at in (("degradation", crossed), ("violation", verdict.violated_at)):
            if at is not None:
                valid = in_force(
                    portfolio.agreements, verdict.agreement, at - 1
                )  # the slot that crossed it ends at `at`
                assert valid is not None, "a verdict is of an agreement"
                found += _told(valid, verdict, kind, at)  # type: ignore[arg-type]
    return found


def _told(agreement: Agreement, verdict: Verdict, kind: Literal["degradation", "violation"], at: int) -> Iterable[Told]:
    notice = getattr(agreement.notices, kind)
    if notice is None:
        return
    due_by = None if notice.within is None else at + notice.within
    for role in dict.fromkeys(notice.to):
        yield Told(at, verdict.agreement, verdict.objective, verdict.service, kind, role, verdict.period_start, due_by)


# -- sums -------------------------------------------------------------------------------------------------------------


def _sums(
    verdicts: Sequence[Sequence[Verdict]], told: Sequence[Sequence[Told]], zones: Mapping[str, ZoneInfo]
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """By month and by day: of the first day of a period, and of the day of a notice, in the agreement's zone."""
    months: dict[str, tuple[Sums, Sums]] = defaultdict(lambda: (Sums(), Sums()))
    days: dict[str, tuple[Sums, Sums]] = defaultdict(lambda: (Sums(), Sums()))
    for side, found in enumerate(verdicts):
        for verdict in found:
            day = local_day(verdict.period_start, zones[verdict.agreement])
            for sums in (months[day[:7]][side], days[day][side]):
                sums.statuses[verdict.status] += 1
                if verdict.credit is not None:
                    sums.credits[verdict.credit.currency] += verdict.credit.amount
    for side, notices in enumerate(told):
        for notice in notices:
            months[local_day(notice.at, zones[notice.agreement])[:7]][side].notices += 1
    return _pairs(months), _pairs(days)


def _pairs(sums: Mapping[str, tuple[Sums, Sums]]) -> tuple[Pair, ...]:
    return tuple(Pair(label, *sums[label]) for label in sorted(sums))


def _total(months: Iterable[Pair]) -> Pair:
    total = Pair("", Sums(), Sums())
    for month in months:
        for part, whole in ((month.before, total.before), (month.after, total.after)):
            whole.statuses.update(part.statuses)
            whole.notices += part.notices
            for currency, amount in part.credits.items():
                whole.credits[currency] += amount
    return total


def local_day(instant: int, zone: ZoneInfo) -> str:
    """The day of an instant in a zone, as `2026-06-01`."""
    return f"{to_datetime(instant).astimezone(zone):%Y-%m-%d}"


# -- for other programs -----------------------------------------------------------------------------------------------


def to_document(comparison: Comparison, as_of: int) -> dict[str, Any]:
    """The comparison as JSON has it: instants as RFC 3339, exact figures as decimal strings."""
    return {
        "as_of": format_instant(as_of),
        "differs": comparison.differs,
        "alike": comparison.alike,
        "total": _pair_document(comparison.total),
        "months": [{"month": month.label, **_pair_document(month)} for month in comparison.months],
        "verdicts": [_change_document(change) for change in comparison.changes],
        "notices": {
            "new": [_told_document(notice) for notice in comparison.new_notices],
            "lost": [_told_document(notice) for notice in comparison.lost_notices],
            "moved": [
                {"before": _told_document(before), "after": _told_document(after)}
                for before, after in comparison.moved_notices
            ],
        },
    }


def _pair_document(pair: Pair) -> dict[str, Any]:
    return {
        side: {
            **{status: sums.statuses[status] for status in ("met", "at_risk", "violated", "no_data")},
            "notices": sums.notices,
            "credits": {currency: str(amount) for currency, amount in sorted(sums.credits.items())},
        }
        for side, sums in (("before", pair.before), ("after", pair.after))
    }


def _change_document(change: Change) -> dict[str, Any]:
    agreement, objective, service, start, end = change.key
    return {
        "agreement": agreement,
        "objective": objective,
        "service": service,
        "period_start": format_instant(start),
        "period_end": format_instant(end),
        "before": _verdict_document(change.before),
        "after": _verdict_document(change.after),
    }


def _verdict_document(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    document = verdict_document(verdict)
    return {name: document[name] for name in (*_COMPARED, "good", "bad", "missing", "excluded", "final")}


def _told_document(notice: Told) -> dict[str, Any]:
    return {
        "kind": notice.kind,
        "agreement": notice.agreement,
        "objective": notice.objective,
        "service": notice.service,
        "role": notice.role,
        "at": format_instant(notice.at),
        "due_by": None if notice.due_by is None else format_instant(notice.due_by),
    }
