"""Process 1.3.8.2, Manage QoS/SLA Violation, on one page: load -> decide -> commit, with the outbox and the timers.

Measurements are made durable by `take_measurements`; `pulse` assesses what has come in and what time has brought, and
gives each case its commands; `work` performs what is due on the agenda: notices to send, steps to take, timers that
have run out. What is to be performed is committed together with the decision that asks for it, so that a crash at any
instant leaves either both or neither, and the agenda's ids make each effect happen once.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import pyarrow as pa
import structlog

from upheld import announcing
from upheld.actions.model import Action
from upheld.agreements.model import Portfolio
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import HOUR, MINUTE, SECOND, format_instant, parse_instant
from upheld.analysis.findings import LOOK_BACK, findings
from upheld.analysis.model import Change
from upheld.assessment.verdict import Condition, Verdict, to_document
from upheld.assessment.versions import AMENDED, FIRST_ASSESSED, RESTATEMENTS, numbered
from upheld.assessor import Assessor
from upheld.cases.decide import (
    Answer,
    AskAgain,
    Assessed,
    Command,
    Observed,
    Open,
    Withdraw,
    decide,
    new_case,
    period_of,
)
from upheld.cases.model import OPEN_STATES, ROLLING, Case
from upheld.maintenance.model import Maintenance
from upheld.measurements.exclusions import Exclusion
from upheld.notices.model import Notice
from upheld.ports import Clock, Conflict, MeasurementLog, Store, Transaction, VerdictFilter
from upheld.reactions import Parties, QuestionLink, reaction

log = structlog.get_logger()
TermKey = tuple[str, str, str]
T = TypeVar("T")
TRIES = 5
EVERY_CASE = 1_000_000
AT_ONCE = 500
"""Quiet verdicts kept in one transaction."""
TOGETHER = 25
"""Verdicts noted in one transaction, with all that follows from them."""
EVIDENCE_CARRIED = 50


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


@dataclass
class News:
    """Verdicts that have changed and are not kept yet, by their keys; and up to when all that was assessed is kept."""

    verdicts: dict[tuple[str, str, str, int], Verdict] = field(default_factory=dict)
    assessed_until: int | None = None


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
        self._news: dict[str, News] = {}
        self._since: dict[str, int] = {}

    # -- what was promised, what was delivered ------------------------------------------------------------------

    def adopt_portfolio(self, tenant: str, source: str, portfolio: Portfolio) -> int:
        """Puts a portfolio (its YAML text, and what it says) in force and returns its version; the same text again
        is the same version. Whom it lets a planned work hit is told of the work."""
        now = self._clock.now()
        with self._store.transaction(tenant) as t:
            newest = t.portfolio()
            version = newest[0] if newest is not None and newest[1] == source else t.save_portfolio(source, now)
            announcing.catch_up(t, portfolio, now)
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
        """Assesses what has come in and what time has brought; returns the number of verdicts that changed. What could
        not be kept is kept by the next pulse."""
        current = self.in_force(tenant)
        if current is None:
            return 0
        assessor = self._assessor(tenant, current)
        with self._store.transaction(tenant, writing=False) as t:
            exclusions = t.exclusions()
        until = self._clock.now() - self._rules.delay
        news = self._news.setdefault(tenant, News())
        news.verdicts |= {verdict.key: verdict for verdict in assessor.advance(exclusions, until)}
        count = self._keep(tenant, current, assessor, news)
        if not news.verdicts:
            news.assessed_until = until
        self._observe(tenant, current, assessor)
        return count

    def _keep(self, tenant: str, current: InForce, assessor: Assessor, news: News) -> int:
        """Keeps the verdicts that have changed: those that no case is concerned with many at a time, the others few at
        a time with what follows. A verdict that fails is logged, and stays among the news."""
        with self._store.transaction(tenant, writing=False) as t:
            concerned = {(case.agreement, case.objective, case.service) for case in t.cases(OPEN_STATES, EVERY_CASE)}
            changed = [v for v in news.verdicts.values() if self._is_news(t, current, news, v)]
        quiet = [v for v in changed if v.status in ("met", "no_data") and v.key[:3] not in concerned]
        for first in range(0, len(quiet), AT_ONCE):
            with self._store.transaction(tenant) as t:
                for verdict in quiet[first : first + AT_ONCE]:
                    self._put(t, current, news, verdict)
        settled = {v.key for v in quiet}
        news.verdicts = {v.key: v for v in changed if v.key not in settled}
        loud = list(news.verdicts.values())
        for first in range(0, len(loud), TOGETHER):
            self._note_all(tenant, current, assessor, news, loud[first : first + TOGETHER])
        return len(changed)

    def _note_all(
        self, tenant: str, current: InForce, assessor: Assessor, news: News, verdicts: Sequence[Verdict]
    ) -> None:
        """Notes some verdicts in one transaction; where that fails, each in its own, to find the one that does."""

        def note(t: Transaction) -> None:
            for verdict in verdicts:
                self._note(tenant, current, assessor, news, verdict, t)

        try:
            self._settled(tenant, note)
        except Exception:
            if len(verdicts) == 1:
                log.exception("verdict not kept", tenant=tenant, verdict=verdicts[0].key)
                return
            for verdict in verdicts:
                self._note_all(tenant, current, assessor, news, [verdict])
            return
        for verdict in verdicts:
            del news.verdicts[verdict.key]

    def _is_news(self, t: Transaction, current: InForce, news: News, verdict: Verdict) -> bool:
        """Whether a verdict is to be kept: not where it is kept already, of a term that is gone, or of a period that
        was over, without a measurement, before we looked at it."""
        term = current.terms.get(verdict.key[:3])
        before = t.verdict(verdict.key)
        if term is None or (before is None and verdict.final and verdict.status == "no_data"):
            return False
        return self._numbered(before, current, news, verdict)[0] != before

    def _numbered(self, before: Verdict | None, current: InForce, news: News, verdict: Verdict) -> tuple[Verdict, str]:
        rolling = current.terms[verdict.key[:3]].period.rolling is not None
        return numbered(before, verdict, rolling=rolling, assessed_until=news.assessed_until)

    def _put(self, t: Transaction, current: InForce, news: News, verdict: Verdict) -> tuple[Verdict, str]:
        """Keeps a verdict; returns it with its version, and why it changed."""
        verdict, cause = self._numbered(t.verdict(verdict.key), current, news, verdict)
        t.put_verdict(verdict, self._clock.now(), cause)
        if current.terms[verdict.key[:3]].period.rolling is not None:
            t.forget_other_verdicts(verdict.key)
        return verdict, cause

    def _note(
        self, tenant: str, current: InForce, assessor: Assessor, news: News, verdict: Verdict, t: Transaction
    ) -> None:
        """Keeps a verdict that has changed, and lets the case know, or opens one."""
        term = current.terms[verdict.key[:3]]
        verdict, cause = self._put(t, current, news, verdict)
        if is_history(verdict, cause):
            return
        rolling = term.period.rolling is not None
        case = t.open_case(*term.key)
        if case is not None:
            self._give(t, tenant, case, Assessed(case_document(verdict), cause in RESTATEMENTS, rolling))
        elif verdict.period_end > self._managed_since(tenant) and asks_for_case(
            verdict, t.cases_of(*term.key), assessor.conditions()[term.key], term
        ):
            self._open(t, tenant, current, verdict, assessor, rolling)

    def _open(
        self, t: Transaction, tenant: str, current: InForce, verdict: Verdict, assessor: Assessor, rolling: bool
    ) -> None:
        now = self._clock.now()
        case_id = case_number(tenant, verdict, now)
        found = findings(
            verdict.service,
            assessor.conditions(),
            current.portfolio.resources,
            t.changes(now - LOOK_BACK),
            t.maintenances(now - LOOK_BACK),
            now,
        )
        document = case_document(verdict)
        case = new_case(case_id, document, verdict.period_start, now, rolling=rolling)
        self._give(t, tenant, case, Open(document, found))
        log.info("case opened", tenant=tenant, case=case_id, service=verdict.service, status=verdict.status)

    def _observe(self, tenant: str, current: InForce, assessor: Assessor) -> None:
        """Tells each open case how its service is; ends those whose promise is not in force any more."""
        with self._store.transaction(tenant, writing=False) as t:
            cases = t.cases(OPEN_STATES, limit=EVERY_CASE)
            commands = [(case, self._observation(t, case, current, assessor)) for case in cases]
        for case, command in commands:
            if command is not None and decide(case, command, self._clock.now())[1]:  # most often nothing happens
                self.command(tenant, case.id, command)

    def _observation(self, t: Transaction, case: Case, current: InForce, assessor: Assessor) -> Command | None:
        key = (case.agreement, case.objective, case.service)
        if key not in current.terms:
            return Withdraw("the agreement in force does not promise this any more")
        condition = assessor.conditions()[key]
        if condition.bad_until is None:  # no slot is bad by itself: only the verdict can tell
            newest = t.verdicts(VerdictFilter(agreement=case.agreement, service=case.service, newest_only=True))
            if any(v.objective == case.objective and v.status in ("at_risk", "violated") for v in newest):
                return None
        return Observed(condition.bad_until, condition.good_for, self._rules.stable)

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
        current = self._current(t, tenant)
        after, events = decide(_with_figures_of_now(t, case), command, self._clock.now())
        if not events:
            return False
        t.save_case(after, events)
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

    def record_step(self, tenant: str, entry_id: str, action: Action, command: Command) -> None:
        """Keeps what came of a step, ends its entry of the agenda, and lets its case know: all of it or nothing."""

        def record(t: Transaction) -> None:
            t.save_action(action)
            t.finish(entry_id)
            case = t.case(action.case_id)
            if case is not None:
                self._give(t, tenant, case, command)

        self._settled(tenant, record)

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
        return min(self._since[tenant], self._clock.now())  # the clock may have been ahead when it was kept

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


def _with_figures_of_now(t: Transaction, case: Case) -> Case:
    """The case with the figures that its verdict has come to since it was last told of. A rolling window has moved
    on, and its case keeps what was told."""
    if ROLLING in case.periods:
        return case
    period_start = parse_instant(case.verdict["period_start"])
    newest = t.verdict((case.agreement, case.objective, case.service, period_start))
    return case if newest is None else replace(case, verdict=case_document(newest))


def is_history(verdict: Verdict, cause: str) -> bool:
    """Whether a verdict only says what a period long over came to: it was final when we first looked at it, or an
    amendment has changed it afterwards. It is kept, and nobody is bothered."""
    return verdict.final and cause in (FIRST_ASSESSED, AMENDED)


def asks_for_case(verdict: Verdict, cases: Sequence[Case], condition: Condition, term: Term) -> bool:
    """Whether a verdict asks for a new case where none is open: its promise is in danger or broken, and not only by
    what an ended case (`cases`, newest first) has dealt with."""
    if verdict.status not in ("at_risk", "violated"):
        return False
    rolling = term.period.rolling is not None
    period = period_of({"period_start": format_instant(verdict.period_start)}, rolling=rolling)
    last = next((case for case in cases if period in case.periods), None)
    if last is None or last.state == "withdrawn" or (verdict.status == "violated" and last.kind == "degradation"):
        return True
    crossed = verdict.violated_at if verdict.status == "violated" else verdict.at_risk_at
    ended = last.closed_at or 0
    if rolling and crossed is not None and crossed > ended:
        return True
    return condition.bad_until is not None and ended < condition.bad_until <= verdict.period_end + term.indicator.slot


def case_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as a case, its events and its notices carry it: of long evidence only the newest part, so that they
    stay readable. The verdict itself keeps all."""
    document = to_document(verdict)
    omitted = len(document["evidence"]) - EVIDENCE_CARRIED
    if omitted > 0:
        document["evidence"] = document["evidence"][omitted:]
        document["evidence_omitted"] = omitted
    return document


def case_number(tenant: str, verdict: Verdict, opened_at: int) -> str:
    """A case's id: short enough to be read out on the telephone."""
    name = "\n".join(map(str, (tenant, *verdict.key, opened_at)))
    return "C-" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()


def _in_force(version: int, portfolio: Portfolio) -> InForce:
    terms = {term.key: term for term in compile_terms(portfolio.agreements)}
    return InForce(version, portfolio, terms, frozenset((t.service, t.indicator.metric) for t in terms.values()))
