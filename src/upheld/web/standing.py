"""How every objective of every service stands now: what the overview and an agreement's page show."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from upheld.agreements.indicators import Availability
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.objectives import Objective
from upheld.agreements.terms import term_of
from upheld.agreements.units import format_instant
from upheld.assessment.credit import Earned, credits
from upheld.assessment.verdict import Credit, Verdict
from upheld.cases.model import ENDED_STATES, OPEN_STATES, ROLLING, Case
from upheld.maintenance.model import Maintenance
from upheld.ports import Transaction, VerdictFilter
from upheld.web import words


@dataclass(frozen=True, slots=True)
class Standing:
    """One objective of one service, with its newest verdict and its open case, where there are any.

    `ended`: where a promise is in danger or broken and no case is open, the newest that dealt with its period."""

    agreement: Agreement
    objective: Objective
    service: str
    verdict: Verdict | None
    case: Case | None
    ended: Case | None

    @property
    def status(self) -> str:
        return self.verdict.status if self.verdict is not None else "no_data"

    @property
    def attained(self) -> str:
        return words.figure(self.verdict.attained if self.verdict else None, self.objective.target)

    @property
    def period(self) -> str:
        if self.verdict is None:
            return "not begun"
        return words.period_name(self.agreement, self.objective.sole_period, self.verdict.period_start)

    @property
    def bar(self) -> "Bar | None":
        return bar(self.verdict, self.objective)


@dataclass(frozen=True, slots=True)
class Bar:
    """A budget as a bar: `filled` and `warning` in percent of its length (at most 100), and in words. `near`: the
    soft threshold is reached; `over`: the promise is broken."""

    filled: str
    warning: str | None
    percent: str
    text: str
    near: bool
    over: bool


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    agreements: tuple[tuple[Agreement, tuple[Standing, ...]], ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the overview counts at its top."""

    open_cases: int
    at_risk: int
    violated: int
    promises: int
    next_work: Maintenance | None


def standings(t: Transaction, portfolio: Portfolio, now: int) -> list[Standing]:
    """Every objective of every service and group, in the order of the portfolio, as its agreements are amended by
    `now`."""
    newest = {(v.agreement, v.objective, v.service): v for v in t.verdicts(VerdictFilter(newest_only=True))}
    cases = {(c.agreement, c.objective, c.service): c for c in reversed(t.cases(OPEN_STATES)) if c.kind != "no_data"}
    return [
        _standing(t, agreement, objective, service, newest.get(key), cases.get(key))
        for agreement in portfolio.current(now)
        for service in agreement.subjects
        for objective in agreement.promises_of(service)
        for key in [(agreement.id, objective.id, service)]
    ]


def _standing(
    t: Transaction, agreement: Agreement, objective: Objective, service: str, verdict: Verdict | None, case: Case | None
) -> Standing:
    ended = None
    if verdict is not None and case is None and verdict.status in ("at_risk", "violated"):
        period = ROLLING if objective.sole_period.rolling is not None else format_instant(verdict.period_start)
        dealt = (c for c in t.cases_of(agreement.id, objective.id, service) if c.state in ENDED_STATES)
        ended = next((c for c in dealt if period in c.periods), None)
    return Standing(agreement, objective, service, verdict, case, ended)


def credit_so_far(agreement: Agreement, objective: Objective, verdict: Verdict) -> Credit | None:
    """What the period would be credited with if it ended as it stands; None where nothing would be. Of the caps that
    several objectives share, the others are taken to have used nothing."""
    if verdict.attained is None or not objective.credits:
        return None
    bad_time: int | Fraction = 0
    if isinstance(objective.indicator, Availability):
        is_mean = objective.group is not None and objective.group.rule == "mean"
        bad_slots = Fraction(verdict.spent or 0) if is_mean else verdict.bad
        bad_time = bad_slots * objective.indicator.slot
    term = term_of(agreement, objective, verdict.service)
    period = verdict.period_start, verdict.period_end
    return credits([Earned(term, period, Fraction(verdict.attained), bad_time)])[0]


def by_customer(portfolio: Portfolio, found: Sequence[Standing]) -> list[Customer]:
    """The standings under their customers and agreements, those without any left out."""
    names = {party.id: party.name for party in portfolio.customers}
    groups: dict[str, dict[str, list[Standing]]] = {}
    for one in found:
        groups.setdefault(one.agreement.customer, {}).setdefault(one.agreement.id, []).append(one)
    return [
        Customer(
            customer, names.get(customer, customer), tuple((g[0].agreement, tuple(g)) for g in agreements.values())
        )
        for customer, agreements in groups.items()
    ]


def counts(t: Transaction, found: Sequence[Standing], now: int) -> Counts:
    coming = [m for m in t.maintenances(now) if m.state == "planned"]
    return Counts(
        open_cases=sum(t.count_open().values()),
        at_risk=sum(one.status == "at_risk" for one in found),
        violated=sum(one.status == "violated" for one in found),
        promises=len(found),
        next_work=coming[0] if coming else None,
    )


def bar(verdict: Verdict | None, objective: Objective) -> Bar | None:
    """The budget of a verdict as a bar; None where there is none."""
    share = words.share_spent(verdict) if verdict is not None else None
    if verdict is None or share is None:
        return None
    threshold = objective.warning.budget_spent if objective.warning else None
    percent = int(share * 100)
    return Bar(
        filled=_percent(share),
        warning=None if threshold is None else _percent(threshold),
        percent=f"{percent} %" if percent <= 999 else "over 999 %",
        text=words.budget_words(verdict, objective),
        near=threshold is not None and share >= threshold,
        over=verdict.status == "violated",
    )


def _percent(share: Fraction) -> str:
    return f"{float(min(share, Fraction(1)) * 100):.2f}%"
