"""Process 1.3.8.2, Manage QoS/SLA Violation, on one page: load -> decide -> commit, with the outbox and the timers.

Measurements are made durable by `take_measurements`; `pulse` assesses what has come in and what time has brought, and
gives each case its commands; `work` performs what is due on the agenda: notices to send, steps to take, timers that
have run out. What is to be performed is committed together with the decision that asks for it, so that a crash at any
instant leaves either both or neither, and the agenda's ids make each effect happen once.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import pyarrow as pa
import structlog

from upheld import announcing
from upheld.agreements.model import Portfolio
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import HOUR, MINUTE, SECOND
from upheld.analysis.findings import LOOK_BACK, findings
from upheld.analysis.model import Change
from upheld.assessment.verdict import Condition, Verdict, to_document
from upheld.assessment.versions import RESTATEMENTS, numbered
from upheld.assessor import Assessor
from upheld.cases.decide import Answer, AskAgain, Assessed, Command, Observed, Open, decide, new_case
from upheld.cases.model import OPEN_STATES, Case
from upheld.maintenance.model import Maintenance
from upheld.measurements.exclusions import Exclusion
from upheld.notices.model import Notice
from upheld.ports import Clock, Conflict, MeasurementLog, Store, Transaction
from upheld.reactions import Parties, QuestionLink, reaction

log = structlog.get_logger()
TermKey = tuple[str, str, str]
T = TypeVar("T")
TRIES = 5
EVERY_OPEN_CASE = 1_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """How the process runs, in microseconds. `delay`: how long a slot waits for its data before it is assessed;
    `lateness`: how long after its period a verdict becomes final; `stable`: how long a service must be good to count
    as restored; `lease`: how long a worker may take over one entry of the agenda."""

    delay: int = 30 * SECOND
    lateness: int = HOUR
    stable: int = 5 * MINUTE
    lease: int = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class InForce:
    """A tenant's portfolio, with what is derived from it."""

    version: int
    portfolio: Portfolio
    terms: Mapping[TermKey, Term]
    series: frozenset[tuple[str, str]]

    def parties(self, agreement: str) -> Parties | None:
        """The agreement of that id with its parties; None where the portfolio has it no more."""
        found = next((a for a in self.portfolio.agreements if a.id == agreement), None)
        if found is None:
            return None
        customer = next((c for c in self.portfolio.customers if c.id == found.customer), None)
        return Parties(found, customer, self.portfolio.provider)


class Process:
    """The process over its ports. `parse` reads a portfolio's YAML text; `question_link(tenant)` signs links."""

    def __init__(
        self,
        store: Store,
        measurements: MeasurementLog,
        clock: Clock,
        parse: Callable[[str], Portfolio],
        question_link: Callable[[str], QuestionLink],
        rules: Rules = Rules(),
    ) -> None:
        self._store, self._measurements, self._clock = store, measurements, clock
        self._parse, self._question_link, self._rules = parse, question_link, rules
        self._in_force: dict[str, InForce] = {}
        self._assessors: dict[str, Assessor] = {}
        self._since: dict[str, int] = {}

    # -- what was promised, what was delivered ------------------------------------------------------------------

    def adopt_portfolio(self, tenant: str, source: str, portfolio: Portfolio) -> int:
        """Puts a portfolio (its YAML text, and what it says) in force and returns its version; the same text again
        is the same version."""
        now = self._clock.now()
        with self._store.transaction(tenant) as t:
            newest = t.portfolio()
            version = newest[0] if newest is not None and newest[1] == source else t.save_portfolio(source, now)
        self._managed_since(tenant)
        self._in_force[tenant] = _in_force(version, portfolio)
        return version

    def portfolio(self, tenant: str) -> Portfolio | None:
        """The portfolio in force."""
        current = self.in_force(tenant)
        return None if current is None else current.portfolio

    def known_series(self, tenant: str) -> frozenset[tuple[str, str]]:
        """Every (service, metric) that an objective assesses."""
        current = self.in_force(tenant)
        return frozenset() if current is None else current.series

    def take_measurements(self, tenant: str, batch: pa.Table) -> int:
        """Makes a batch (`measurements.model.COLUMNS`) durable and returns its position in the log. It is assessed
        by the next pulse."""
        return self._measurements.append(tenant, batch)

    def grant_exclusion(self, tenant: str, exclusion_id: str, exclusion: Exclusion) -> None:
        """Lets an interval not count; the next pulse restates what it touches."""
        with self._store.transaction(tenant) as t:
            t.add_exclusion(exclusion_id, exclusion)

    def record_change(self, tenant: str, change: Change) -> None:
        """Keeps a change for the analysis of cases."""
        with self._store.transaction(tenant) as t:
            t.add_change(change)

    # -- assessment ---------------------------------------------------------------------------------------------

    def pulse(self, tenant: str) -> int:
        """Assesses what has come in and what time has brought; returns the number of verdicts that changed."""
        current = self.in_force(tenant)
        if current is None:
            return 0
        now = self._clock.now()
        assessor = self._assessor(tenant, current)
        with self._store.transaction(tenant, writing=False) as t:
            exclusions = t.exclusions()
        changed = assessor.advance(exclusions, now - self._rules.delay)
        conditions = assessor.conditions()
        with self._store.transaction(tenant, writing=False) as t:
            news = [v for v in changed if self._numbered(t, current, v)[0] != t.verdict(v.key)]
        for verdict in news:
            self._settled(tenant, partial(self._note, tenant, current, conditions, verdict))
        self._observe(tenant, conditions)
        return len(news)

    def _numbered(self, t: Transaction, current: InForce, verdict: Verdict) -> tuple[Verdict, str]:
        rolling = current.terms[verdict.agreement, verdict.objective, verdict.service].period.rolling is not None
        return numbered(t.verdict(verdict.key), verdict, rolling=rolling)

    def _note(
        self, tenant: str, current: InForce, conditions: Mapping[TermKey, Condition], verdict: Verdict, t: Transaction
    ) -> None:
        """Keeps a verdict that has changed and lets the case know, or opens one."""
        term = current.terms[verdict.agreement, verdict.objective, verdict.service]
        verdict, cause = self._numbered(t, current, verdict)
        t.put_verdict(verdict, self._clock.now(), cause)
        if term.period.rolling is not None:
            t.forget_older_verdicts(verdict.key)
        case = t.open_case(*term.key)
        if case is not None:
            self._give(t, tenant, case, Assessed(to_document(verdict), cause in RESTATEMENTS))
        elif self._opens(t, tenant, term, verdict, conditions.get(term.key)):
            self._open(t, tenant, current, verdict, conditions)

    def _opens(self, t: Transaction, tenant: str, term: Term, verdict: Verdict, condition: Condition | None) -> bool:
        """Whether a verdict without an open case asks for one: its promise is in danger or broken, in a period that
        was not over before the agreement came to us, and not by what an ended case has dealt with."""
        if verdict.status not in ("at_risk", "violated") or verdict.period_end <= self._managed_since(tenant):
            return False
        rolling = term.period.rolling is not None
        last = t.latest_case(*term.key) if rolling else t.case_for_period(verdict.key)
        if last is None:
            return True
        if last.kind == "degradation" and verdict.status == "violated":
            return True
        bad_until = condition.bad_until if condition is not None else None
        return bad_until is not None and bad_until > (last.closed_at or 0)

    def _open(
        self,
        t: Transaction,
        tenant: str,
        current: InForce,
        verdict: Verdict,
        conditions: Mapping[TermKey, Condition],
    ) -> None:
        now = self._clock.now()
        case_id = case_number(tenant, verdict, now)
        found = findings(
            verdict.service,
            conditions,
            current.portfolio.resources,
            t.changes(now - LOOK_BACK),
            t.maintenances(now - LOOK_BACK),
            now,
        )
        document = to_document(verdict)
        self._give(t, tenant, new_case(case_id, document, verdict.period_start, now), Open(document, found))
        log.info("case opened", tenant=tenant, case=case_id, service=verdict.service, status=verdict.status)

    def _observe(self, tenant: str, conditions: Mapping[TermKey, Condition]) -> None:
        """Tells each open case how its service is."""
        with self._store.transaction(tenant, writing=False) as t:
            cases = t.cases(OPEN_STATES, limit=EVERY_OPEN_CASE)
        for case in cases:
            condition = conditions.get((case.agreement, case.objective, case.service))
            if condition is None:
                continue
            observed = Observed(condition.bad_until, condition.seen_until, self._rules.stable)
            if decide(case, observed, self._clock.now())[1]:  # most often nothing happens, and nothing is locked
                self.command(tenant, case.id, observed)

    # -- planned maintenance ------------------------------------------------------------------------------------

    def plan_maintenance(self, tenant: str, maintenance: Maintenance) -> Sequence[Notice]:
        """Takes in a planned work and puts its announcements on the agenda; returns them. The same work again
        changes nothing."""
        portfolio = self.portfolio(tenant)
        with self._store.transaction(tenant) as t:
            return announcing.plan(t, maintenance, portfolio, self._clock.now())

    def cancel_maintenance(self, tenant: str, maintenance_id: str) -> Sequence[Notice]:
        """Cancels a work: who had been told is told, and what it had excluded counts again. Raises KeyError."""
        portfolio = self.portfolio(tenant)
        with self._store.transaction(tenant) as t:
            return announcing.cancel(t, maintenance_id, portfolio, self._clock.now())

    def judge_maintenance(self, tenant: str, maintenance_id: str) -> None:
        """Decides for each agreement whether the announcements that were sent have earned the exclusion."""
        portfolio = self.portfolio(tenant)
        with self._store.transaction(tenant) as t:
            announcing.judge(t, maintenance_id, portfolio, self._clock.now())

    def remind_of_maintenance(self, tenant: str, maintenance_id: str, agreement: str) -> None:
        """Reminds those whom an agreement names of a work that is coming."""
        portfolio = self.portfolio(tenant)
        with self._store.transaction(tenant) as t:
            announcing.remind(t, maintenance_id, agreement, portfolio, self._clock.now())

    # -- cases --------------------------------------------------------------------------------------------------

    def answer(
        self, tenant: str, case_id: str, asked: int, contact: str, solved: bool, comment: str
    ) -> Literal["taken", "too_late", "unknown"]:
        """The customer's answer to round `asked` of the question whether the problem is solved."""
        return self.command(tenant, case_id, Answer(asked, contact, solved, comment))

    def ask_again(self, tenant: str, case_id: str, by: str) -> Literal["taken", "too_late", "unknown"]:
        """The operator says that the case is solved: the customer is asked."""
        return self.command(tenant, case_id, AskAgain(by))

    def command(self, tenant: str, case_id: str, command: Command) -> Literal["taken", "too_late", "unknown"]:
        """Gives a case a command; `too_late` where it changes nothing."""

        def give(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            case = t.case(case_id)
            if case is None:
                return "unknown"
            return "taken" if self._give(t, tenant, case, command) else "too_late"

        return self._settled(tenant, give)

    def _give(self, t: Transaction, tenant: str, case: Case, command: Command) -> bool:
        """Decides, and commits the events with all that follows from them. False where nothing happened."""
        after, events = decide(case, command, self._clock.now())
        if not events:
            return False
        t.save_case(after, events)
        current = self._current(t, tenant)
        parties = current.parties(case.agreement) if current is not None else None
        if parties is None:
            log.warning("no agreement in force for the case: nobody is told", tenant=tenant, case=case.id)
            return True
        follows = reaction(after, events, parties, self._question_link(tenant))
        for notice in follows.notices:
            t.save_notice(notice)
        for action in follows.actions:
            t.save_action(action)
        for entry in follows.entries:
            t.schedule(entry)
        return True

    # -- keeping -------------------------------------------------------------------------------------------------

    def ready(self) -> None:
        """Raises where the process cannot work."""
        self._store.ping()

    def in_force(self, tenant: str) -> InForce | None:
        """The tenant's portfolio in force, with what is derived from it; None before the first."""
        with self._store.transaction(tenant, writing=False) as t:
            return self._current(t, tenant)

    def _current(self, t: Transaction, tenant: str) -> InForce | None:
        newest = t.portfolio()
        if newest is None:
            return None
        known = self._in_force.get(tenant)
        if known is None or known.version != newest[0]:
            known = self._in_force[tenant] = _in_force(newest[0], self._parse(newest[1]))
        return known

    def _assessor(self, tenant: str, current: InForce) -> Assessor:
        assessor = self._assessors.get(tenant)
        if assessor is None:
            assessor = self._assessors[tenant] = Assessor(self._measurements, tenant, self._rules.lateness)
        if assessor.version != current.version:
            assessor.adopt(current.version, list(current.terms.values()), self._managed_since(tenant))
        return assessor

    def _managed_since(self, tenant: str) -> int:
        """When the tenant's first portfolio came into force: what was over before then opens no case."""
        if tenant not in self._since:
            self._since[tenant] = int(self._store.setting(f"managed_since/{tenant}", str(self._clock.now())))
        return self._since[tenant]

    def _settled(self, tenant: str, work: Callable[[Transaction], T]) -> T:
        """Does `work` in a transaction, again where someone else came first."""
        for _ in range(TRIES - 1):
            try:
                with self._store.transaction(tenant) as t:
                    return work(t)
            except Conflict:
                continue
        with self._store.transaction(tenant) as t:
            return work(t)


def case_number(tenant: str, verdict: Verdict, opened_at: int) -> str:
    """A case's id: short enough to be read out on the telephone."""
    name = "\n".join(map(str, (tenant, *verdict.key, opened_at)))
    return "C-" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()


def _in_force(version: int, portfolio: Portfolio) -> InForce:
    terms = {term.key: term for term in compile_terms(portfolio.agreements, version)}
    return InForce(version, portfolio, terms, frozenset((t.service, t.indicator.metric) for t in terms.values()))
