"""The pulse: what has come in and what time has brought is assessed, kept under its versions, and told to the cases.

Before the verdicts of a pulse are kept, it is written down what they were made of (`ports.Assessment`), so that
`as_known` can make them again.
"""

import hashlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import structlog

from upheld.agreements.terms import Term
from upheld.agreements.units import HOUR, MINUTE, SECOND, format_instant
from upheld.analysis.fallen_silent import FallenSilent, silence_document, silence_findings
from upheld.analysis.findings import LOOK_BACK, NOTHING_FOUND, SAME_TIME, Scene, findings, scene
from upheld.assessment.silence import Silence
from upheld.assessment.verdict import Condition, Verdict
from upheld.assessment.versions import (
    AMENDED,
    FIRST_ASSESSED,
    Cause,
    approver,
    in_words,
    is_restated,
    numbered,
)
from upheld.cases.decide import Assessed, Command, Join, Observed, Open, Resumed, Withdraw, decide, new_case, period_of
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import OPEN_STATES, Case
from upheld.cases.problems import Cause as Shared
from upheld.maintenance.model import GRACE
from upheld.outgoing.billing import Adjustment, adjustments, of_a_claim, of_adjustment
from upheld.outgoing.happened import of_restatement
from upheld.ports import (
    AlarmFilter,
    Assessment,
    Clock,
    Conflict,
    LogFloor,
    MeasurementLog,
    Store,
    Told,
    Transaction,
    VerdictFilter,
)
from upheld.process.acting.correcting import news, news_of_claim
from upheld.process.assessing.arrivals import Arrivals
from upheld.process.assessing.assessor import Assessor
from upheld.process.assessing.in_force import InForce
from upheld.process.casework.grouping import Reach, end_problem, find_problem, note_restored
from upheld.process.telling.summing_up import Due
from upheld.process.works import work_life
from upheld.recorder import Recorder
from upheld.reports.records import case_document

log = structlog.get_logger()
T = TypeVar("T")
Key = tuple[str, str, str, int]
TRIES = 5
EVERY_CASE = 1_000_000
AT_ONCE = 500
"""Quiet verdicts kept in one transaction."""
TOGETHER = 50
"""Verdicts noted in one transaction, with all that follows from them."""
RESTS, MANY = 10, 1_000
"""Looking after all open cases takes a tenth of the time at most, once they are more than so many."""
ALARMS_CARRIED = 20
"""Alarms that a case names: the last raised."""
ALARMS_RAISED = 5_000
"""Raised alarms, the last reported, by which it is known what is down."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the process runs, in microseconds. `delay`: how long a slot waits for its data before it is assessed;
    `lateness`: how long after its period a verdict becomes final; `stable`: how long a service must be good to count
    as restored; `lease`: how long a worker may take over one entry of the agenda."""

    delay: int = 30 * SECOND
    lateness: int = HOUR
    stable: int = 5 * MINUTE
    lease: int = 5 * MINUTE


@dataclass
class News:
    """Verdicts that have changed and are not kept yet, by their keys; and up to when all that was assessed is kept."""

    verdicts: dict[Key, Verdict] = field(default_factory=dict)
    assessed_until: int | None = None


@dataclass
class Round:
    """One pulse of one tenant: what is in force, what assesses it, what is not kept yet; of what the assessment was
    made, and the one before it (None before the first); how all services were when it opened its first case, whether
    there was any alarm then, and what was heard of all series when it opened the first for a silence; and which
    promises had an open case when it began to keep."""

    tenant: str
    current: InForce
    assessor: Assessor
    news: News
    managed_since: int
    made: Assessment
    before: Assessment | None
    floor: LogFloor | None
    scene: Scene | None = None
    alarmed: bool = True
    concerned: Set[tuple[str, str, str]] = frozenset()
    fallen: FallenSilent | None = None


class Pulse:
    """Assesses tenants, and gives their cases commands: `give` within a transaction, and with the instant from which on
    it could have been given (see `arrivals`)."""

    def __init__(
        self,
        store: Store,
        measurements: MeasurementLog,
        clock: Clock,
        rules: Rules,
        give: Callable[[Transaction, str, Case, Command, int | None], bool],
        recorder: Recorder = Recorder(),
    ) -> None:
        self._store, self._measurements, self._clock, self._rules = store, measurements, clock, rules
        self._give, self._recorder = give, recorder
        self._summaries = Due(store, rules.lateness)
        self._assessors: dict[str, Assessor] = {}
        self._news: dict[str, News] = {}
        self._behind: dict[str, int] = {}
        self._floors: dict[str, LogFloor | None] = {}
        self._observe_at: dict[str, float] = {}

    def run(self, tenant: str, current: InForce, managed_since: int) -> Generator[None, None, int]:
        """Assesses what has come in and what time has brought; returns the number of verdicts that changed. What could
        not be kept is kept by the next pulse. Periods that were over at `managed_since` open no case.

        It stops after each bounded piece of work, so that other tenants have their turn: where it has not taken in yet
        all that was in the log when it began, and between transactions of many. What it has not caught up with is not
        told: verdicts are those of the log as it was then, at the instant at which it began."""
        began = time.monotonic()
        with self._store.transaction(tenant, writing=False) as t:
            floor = self._floors[tenant] = t.log_floor()
            assessor = self._assessor(tenant, current, managed_since, None if floor is None else floor.kept_from)
            exclusions, place, before = t.exclusions(), t.exclusions_place(), t.assessment()
            events_place = t.service_events_place()
            events = None if events_place == assessor.events_place else t.service_events()
        if assessor.arrivals is None:
            assessor.arrivals = Arrivals(0, None) if before is None else Arrivals(before.position, before.as_of)
        as_of = self._clock.now() - self._rules.delay
        told = 0 if before is None else before.position
        news = self._news.setdefault(tenant, News(assessed_until=None if before is None else before.as_of))
        upto = self._look_behind(tenant, max(told, assessor.position))
        while assessor.take_in(upto, exclusions, as_of, events):
            self._look_behind(tenant, max(told, assessor.position))
            yield
        changed = assessor.tell(exclusions, as_of)
        with self._store.transaction(tenant, writing=False) as t:
            if t.log_floor() != floor:
                return 0  # some of what this was made of may have been gone: the next pulse begins at the new floor
        self._look_behind(tenant, max(told, assessor.position))
        news.verdicts |= {verdict.key: verdict for verdict in changed}
        assessor.events_place = events_place
        made = Assessment(
            known_at=self._clock.now(),
            as_of=assessor.as_of,
            since=assessor.since,
            lateness=self._rules.lateness,
            position=assessor.position,
            exclusions=place,
            events=events_place,
            portfolio=current.version,
        )
        pulse = Round(tenant, current, assessor, news, managed_since, made, before, floor)
        count = yield from self._finish(pulse, began)
        self._recorder.pulse_ended(tenant, time.monotonic() - began, made.as_of)
        return count

    def behind(self, tenant: str) -> int:
        """Rows that waited to be assessed when the tenant had its last turn. What is read again after a restart is not
        among them."""
        return self._behind.get(tenant, 0)

    def _look_behind(self, tenant: str, position: int) -> int:
        end, self._behind[tenant] = self._measurements.backlog(tenant, position)
        return end

    def _finish(self, pulse: Round, began: float) -> Generator[None, None, int]:
        """Keeps what has changed, and lets the cases know. Each turn that it takes is a span of its own: other tenants
        have theirs in between."""
        keeping = self._keep_and_tell(pulse)
        while True:
            if not pulse.news.verdicts:  # most often nothing has changed, and nobody wants a trace of that
                count = self._some_kept(pulse, keeping)
            else:
                with self._recorder.span("pulse", lasting=time.monotonic() - began, tenant=pulse.tenant) as span:
                    count = self._some_kept(pulse, keeping)
                    span.tell(position=pulse.made.position, **({} if count is None else {"changed": count}))
            if count is not None:
                return count
            yield
            began = time.monotonic()

    def _some_kept(self, pulse: Round, keeping: Generator[None, None, int]) -> int | None:
        """Lets `keeping` go on; where it has ended, it returns how many verdicts changed."""
        try:
            next(keeping)
        except StopIteration as end:
            return int(end.value)
        return None

    def _keep_and_tell(self, pulse: Round) -> Generator[None, None, int]:
        """Keeps what has changed; once all is kept, the cases hear of it. Returns how many verdicts changed."""
        count = yield from self._keep(pulse)
        self._tell_claims(pulse.tenant)
        self._watch_works(pulse)
        if not pulse.news.verdicts:
            pulse.news.assessed_until = pulse.made.as_of
            if pulse.assessor.arrivals is not None:
                pulse.assessor.arrivals.all_kept(pulse.made.as_of)
            self._summaries.find(pulse.tenant, pulse.current, pulse.made.as_of, pulse.managed_since)
        yield from self._observe(pulse)
        yield from self._listen(pulse)
        return count

    def _tell_claims(self, tenant: str) -> None:
        """Tells billing of what has been claimed. That is done here because only one process at a time assesses a
        tenant: so a claim never crosses a new version of its verdict."""
        with self._store.transaction(tenant, writing=False) as t:
            claims = t.new_claims()

        def tell(t: Transaction) -> None:
            now = self._clock.now()
            for claim in claims:
                verdict = t.verdict(claim.key)
                if verdict is not None:
                    approver = None if claim.exception is None else claim.claimed_by
                    _tell_billing(t, of_a_claim(tenant, verdict, approver, now))
                    t.add_news(news_of_claim(verdict, now))
                t.change_claim(claim, now)

        if claims:
            settled(self._store, tenant, tell)

    def _watch_works(self, pulse: Round) -> None:
        """Finds works that run over: the window has ended, nobody has said that the work has, and what it hits is bad
        since. Seen for a short while only: what breaks later is no work."""
        now, topology = pulse.made.as_of, pulse.current.topology
        with self._store.transaction(pulse.tenant, writing=False) as t:
            recent = t.maintenances(now - GRACE)
        for work in recent:
            if not work.interrupts or not work.may_run_over(now) or work.runs_over:
                continue
            hit = topology.hit_during(work.services, work.start, work.end).hit
            conditions = pulse.assessor.conditions(SAME_TIME)
            ends = [conditions[key].bad_until for key in conditions if key[2] in hit]
            if any(bad_until is not None and bad_until > work.end for bad_until in ends):
                portfolio = pulse.current.portfolio
                say = partial(work_life.say, work_id=work.id, turn="overrun", at=work.end, now=self._clock.now())
                settled(self._store, pulse.tenant, partial(say, portfolio=portfolio, topology=topology))

    def floor(self, tenant: str) -> LogFloor | None:
        """The floor of the tenant's log when its last pulse began."""
        if tenant not in self._floors:
            with self._store.transaction(tenant, writing=False) as t:
                self._floors[tenant] = t.log_floor()
        return self._floors[tenant]

    def _assessor(self, tenant: str, current: InForce, managed_since: int, kept_from: int | None) -> Assessor:
        assessor = self._assessors.get(tenant)
        if assessor is None:
            assessor = self._assessors[tenant] = Assessor(
                self._measurements, tenant, self._rules.lateness, self._recorder
            )
        if (assessor.version, assessor.kept_from) != (current.version, kept_from):
            assessor.adopt(current.version, current.every_term, managed_since, kept_from)
        return assessor

    # -- keeping ------------------------------------------------------------------------------------------------

    def _keep(self, pulse: Round) -> Generator[None, None, int]:
        """Keeps the verdicts that have changed: those that no case is concerned with many at a time, the others few at
        a time with what follows. A verdict that fails is logged, and stays among the news. Returns how many there
        were."""
        news = pulse.news
        if not news.verdicts:  # most often nothing has changed, and very many cases may be open
            return 0
        with self._store.transaction(pulse.tenant, writing=False) as t:
            concerned = {(c.agreement, c.objective, c.service) for c in t.open_cases() if c.kind != "no_data"}
            pulse.concerned = concerned
            before = _before(t, pulse, list(news.verdicts.values()))
        changed = [v for v in news.verdicts.values() if _is_news(pulse, v, before.get(v.key))]
        if changed:
            settled(self._store, pulse.tenant, lambda t: t.add_assessment(pulse.made))
        quiet = [v for v in changed if v.status in ("met", "no_data") and v.key[:3] not in concerned]
        for first in range(0, len(quiet), AT_ONCE):
            if first:
                yield
            some = quiet[first : first + AT_ONCE]
            with self._store.transaction(pulse.tenant) as t:
                self._put(t, pulse, some, before)
            self._were_kept(pulse, some)
        kept = {v.key for v in quiet}
        news.verdicts = {v.key: v for v in changed if v.key not in kept}
        loud = list(news.verdicts.values())
        for first in range(0, len(loud), TOGETHER):
            if first:
                yield
            noted = self._each(pulse, loud[first : first + TOGETHER], self._note_all, lambda verdict: verdict.key)
            for verdict in noted:
                del pulse.news.verdicts[verdict.key]
            self._were_kept(pulse, noted)
        return len(changed)

    def _each(
        self,
        pulse: Round,
        some: Sequence[T],
        work: Callable[[Transaction, Round, Sequence[T]], None],
        key: Callable[[T], object],
    ) -> Sequence[T]:
        """Does `work` for some things in one transaction; where that fails, for each in its own, to find the one that
        does. Returns those for which it was done."""
        try:
            settled(self._store, pulse.tenant, lambda t: work(t, pulse, some))
        except Exception:
            if len(some) > 1:
                return [done for one in some for done in self._each(pulse, [one], work, key)]
            log.exception("not kept", tenant=pulse.tenant, of=key(some[0]))
            self._recorder.verdict_failed()
            return []
        return some

    def _were_kept(self, pulse: Round, verdicts: Sequence[Verdict]) -> None:
        now, due = self._clock.now(), [self._due(pulse, verdict) for verdict in verdicts]
        self._recorder.verdicts_kept([v.status for v in verdicts], [now - since for since in due if since is not None])

    def _due(self, pulse: Round, verdict: Verdict) -> int | None:
        """From when on the verdict could have been there; None where no measurement made it what it is."""
        term, arrivals = pulse.current.term(verdict), pulse.assessor.arrivals
        if term is None or arrivals is None or term.indicator.kind == "duration":
            return None
        period = verdict.period_start, verdict.period_end
        return arrivals.due(term.series, term.indicator.slot, period, pulse.made.as_of, self._rules.delay)

    def _put(
        self, t: Transaction, pulse: Round, verdicts: Sequence[Verdict], before: Mapping[Key, Verdict]
    ) -> list[tuple[Verdict, tuple[Cause, ...]]]:
        """Keeps verdicts, of which `before` was kept; returns each with its version, and why it changed."""
        told, found = [], []
        for verdict in verdicts:
            term = pulse.current.term(verdict)
            assert term is not None, "news of a term that is gone"
            numbered_verdict, causes = _numbered(before.get(verdict.key), pulse, term, verdict)
            who = self._approver(t, pulse, term, numbered_verdict, causes) if is_restated(causes) else None
            told.append(Told(numbered_verdict, in_words(causes), who, _rolling_from(term)))
            found.append((numbered_verdict, causes))
        t.put_verdicts(told, pulse.made.known_at)
        for one in told:
            self._tell_others(t, pulse, before.get(one.verdict.key), one)
        return found

    def _tell_others(self, t: Transaction, pulse: Round, before: Verdict | None, told: Told) -> None:
        """Puts down what other systems are told of a verdict that is kept: that it was restated, and what billing has
        to adjust."""
        reason = told.cause, told.approver, pulse.made.known_at
        if before is not None and before.version != told.verdict.version:
            t.add_outgoing([of_restatement(before, told.verdict, *reason)])
        _tell_billing(t, adjustments(pulse.tenant, before, told.verdict, *reason, _is_claimed(t, before, told.verdict)))
        if told.rolling_from is None and told.verdict.period_end > pulse.managed_since:
            t.add_news(news(before, told.verdict, pulse.made.known_at))

    def _approver(
        self, t: Transaction, pulse: Round, term: Term, verdict: Verdict, found: Sequence[Cause]
    ) -> str | None:
        delivered_by: Sequence[str] = ()
        if any(cause.kind in ("late_data", "corrected") for cause in found):
            after = 0 if pulse.before is None else pulse.before.position
            span = verdict.period_start, verdict.period_end
            delivered_by = self._measurements.sources(
                pulse.tenant, term.series, *span, after=after, upto=pulse.made.position
            )
        return approver(
            found,
            t.every_exclusion() if any(cause.intervals for cause in found) else (),
            term.subjects,
            applied_by=pulse.current.applied_by,
            delivered_by=delivered_by,
        )

    # -- cases --------------------------------------------------------------------------------------------------

    def _note_all(self, t: Transaction, pulse: Round, verdicts: Sequence[Verdict]) -> None:
        for verdict, found in self._put(t, pulse, verdicts, _before(t, pulse, verdicts)):
            self._note(t, pulse, verdict, found)

    def _note(self, t: Transaction, pulse: Round, verdict: Verdict, found: Sequence[Cause]) -> None:
        """Lets the case know of a verdict that has changed, or opens one."""
        if is_history(verdict, found):
            return
        term = pulse.current.term(verdict)
        assert term is not None, "a verdict of a term that is gone"
        rolling = term.period.rolling is not None
        # One look is enough most often: the ended cases that an open one had before it are many, and not asked for.
        known = None if term.key in pulse.concerned else t.cases_of(*term.key)
        case = t.open_case(*term.key) if known is None else next((c for c in known if c.state in OPEN_STATES), None)
        if case is not None:
            command = Assessed(case_document(verdict), is_restated(found), rolling)
            self._give(t, pulse.tenant, case, command, self._due(pulse, verdict))
        elif verdict.period_end > pulse.managed_since and asks_for_case(
            verdict, t.cases_of(*term.key) if known is None else known, pulse.assessor.conditions()[term.key], term
        ):
            self._open(t, pulse, verdict, rolling)

    def _open(self, t: Transaction, pulse: Round, verdict: Verdict, rolling: bool) -> None:
        now = self._clock.now()
        case_id = case_number(pulse.tenant, verdict, now)
        found = self._findings(t, pulse, verdict, now)
        document = case_document(verdict)
        case = new_case(case_id, document, verdict.period_start, now, rolling=rolling)
        problem = self._problem(t, pulse, found, now)
        self._give(t, pulse.tenant, case, Open(document, found, problem), self._due(pulse, verdict))
        self._recorder.case_opened(pulse.tenant, case.kind)
        log.info("case opened", tenant=pulse.tenant, case=case_id, service=verdict.service, status=verdict.status)

    def _findings(
        self, t: Transaction, pulse: Round, verdict: Verdict, now: int, silence: Silence | None = None
    ) -> Mapping[str, Any]:
        term = pulse.current.term(verdict)
        members = () if term is None or term.members is None else term.services
        metric = "" if term is None else term.indicator.metric
        try:
            known = self._scene(t, pulse, now)
            names = known.concerned({verdict.service, *members}) if pulse.alarmed else ()
            alarms = t.alarms_about(names, now - LOOK_BACK, ALARMS_CARRIED) if names else ()
            if silence is None:
                since = max((e.start for e in verdict.evidence if e.kind == "bad"), default=None)
                return findings(known, verdict.service, members, alarms, since)
            if pulse.fallen is None:
                pulse.fallen = FallenSilent(known, pulse.assessor.heard())
            return silence_findings(pulse.fallen, verdict.service, silence, metric, members, alarms)
        except Exception:
            # A case without findings is worth more than none: the customer waits for it.
            log.exception("analysis failed", tenant=pulse.tenant, service=verdict.service)
            return NOTHING_FOUND if silence is None else {**NOTHING_FOUND, "silence": silence_document(silence, metric)}

    def _scene(self, t: Transaction, pulse: Round, now: int) -> Scene:
        if pulse.scene is None:
            # Of many services little is asked: those that were bad long ago are not looked for in the log.
            conditions, standing = pulse.assessor.conditions(SAME_TIME), pulse.current.topology.at(now)
            pulse.alarmed = t.count_alarms() > 0
            raised = pulse.alarmed and standing.topology.has_redundancy
            alarms = t.alarms(AlarmFilter(raised=True, limit=ALARMS_RAISED)) if raised else ()
            around = t.changes(now - LOOK_BACK), t.maintenances(now - LOOK_BACK)
            pulse.scene = scene(conditions, standing, *around, now, alarms)
        return pulse.scene

    def _problem(
        self, t: Transaction, pulse: Round, found: Mapping[str, Any], now: int, silence: Silence | None = None
    ) -> str | None:
        """The problem that a case with these findings belongs to; None where it stands by itself."""

        def give(case: Case, command: Join) -> None:
            self._give(t, pulse.tenant, case, command, None)

        def reach(cause: Shared) -> Reach:
            assert pulse.scene is not None, "causes are found in a scene"
            hit = pulse.scene.impact(cause.name).hit if cause.kind == "resource" else ()
            if silence is None:
                return Reach(pulse.scene.taken(cause.name), hit)
            assert pulse.fallen is not None, "what is silent together was found"
            return Reach(pulse.fallen.services((cause.kind, cause.name), silence.since), hit)

        return find_problem(t, pulse.tenant, found, now, reach, give)

    def _observe(self, pulse: Round) -> Generator[None, None, None]:
        """Tells each open case how its service is; ends those whose promise is not in force any more, and problems
        whose cases have all ended. Where many cases are open it rests in between for so long that it takes a small
        part of the time."""
        began = time.monotonic()
        if began < self._observe_at.get(pulse.tenant, 0.0):
            return
        with self._store.transaction(pulse.tenant, writing=False) as t:
            cases = t.open_cases()
            commands = [(case, self._observation(t, case, pulse)) for case in cases]
            with_cases = {case.problem for case in cases}
            problems = t.problems(only_open=True, limit=EVERY_CASE)
        unsolved = {case.problem for case in cases if case.state in UNSOLVED}
        now = self._clock.now()
        # Most often nothing happens.
        told = [(case.id, command) for case, command in commands if command and decide(case, command, now)[1]]
        took = time.monotonic() - began
        self._observe_at[pulse.tenant] = began + (RESTS * took if len(cases) > MANY else 0.0)
        for first in range(0, len(told), TOGETHER):
            if first:
                yield
            self._each(pulse, told[first : first + TOGETHER], self._tell_cases, lambda one: one[0])
        for problem in problems:
            restored = problem.id not in unsolved
            if problem.id not in with_cases:
                settled(self._store, pulse.tenant, partial(end_problem, problem=problem, now=self._clock.now()))
            elif (problem.restored_at is not None) != restored:
                noting = partial(note_restored, problem_id=problem.id, restored=restored, now=self._clock.now())
                settled(self._store, pulse.tenant, noting)

    def _tell_cases(self, t: Transaction, pulse: Round, told: Sequence[tuple[str, Command]]) -> None:
        for case_id, command in told:
            case = t.case(case_id)
            assert case is not None, "an open case that is not there"
            self._give(t, pulse.tenant, case, command, None)

    def _observation(self, t: Transaction, case: Case, pulse: Round) -> Command | None:
        key = (case.agreement, case.objective, case.service)
        if key not in pulse.current.terms:
            return Withdraw("the agreement in force does not promise this any more")
        if case.kind == "no_data":
            if not pulse.assessor.watches(key):
                return Withdraw("no agreement that is valid says any more when it is silent")
            return Resumed() if isinstance(pulse.assessor.silence(key), int) else None
        condition = pulse.assessor.conditions()[key]
        if condition.bad_until is None:  # no slot is bad by itself: only the verdict can tell
            newest = t.verdicts(VerdictFilter(agreement=case.agreement, service=case.service, newest_only=True))
            if any(v.objective == case.objective and v.status in ("at_risk", "violated") for v in newest):
                return None
        return Observed(condition.bad_until, condition.good_for, self._rules.stable)

    def _listen(self, pulse: Round) -> Generator[None, None, None]:
        """Opens a case for each promise whose series have fallen silent since it is managed, many at a time: where a
        collector dies, very many do at once."""
        with self._store.transaction(pulse.tenant, writing=False) as t:
            known = {(c.agreement, c.objective, c.service) for c in t.open_cases(silent=True)}
        silent = [(key, one) for key, one in pulse.assessor.silent(known) if one.at > pulse.managed_since]
        verdicts = pulse.assessor.newest({key for key, _ in silent}) if silent else {}
        fallen = [(verdicts[key], silence) for key, silence in silent if key in verdicts]
        for first in range(0, len(fallen), TOGETHER):
            if first:
                yield
            self._each(pulse, fallen[first : first + TOGETHER], self._open_silences, lambda one: one[0].key)

    def _open_silences(self, t: Transaction, pulse: Round, fallen: Sequence[tuple[Verdict, Silence]]) -> None:
        kept = _before(t, pulse, [verdict for verdict, _ in fallen])
        for now, silence in fallen:
            verdict = kept.get(now.key)
            if verdict is not None and t.open_case(*verdict.key[:3], silence=True) is None:
                self._open_silence(t, pulse, verdict, silence)

    def _open_silence(self, t: Transaction, pulse: Round, verdict: Verdict, silence: Silence) -> None:
        now = self._clock.now()
        found = self._findings(t, pulse, verdict, now, silence)
        document, case_id = case_document(verdict), case_number(pulse.tenant, verdict, now, silent=True)
        case = new_case(case_id, document, verdict.period_start, now, silent=True)
        self._give(t, pulse.tenant, case, Open(document, found, self._problem(t, pulse, found, now, silence)), None)
        self._recorder.case_opened(pulse.tenant, case.kind)
        log.info("case opened", tenant=pulse.tenant, case=case_id, service=verdict.service, status="no_data")


def settled(store: Store, tenant: str, work: Callable[[Transaction], T]) -> T:
    """Does `work` in a transaction, again where someone else came first."""
    for _ in range(TRIES - 1):
        try:
            with store.transaction(tenant) as t:
                return work(t)
        except Conflict:
            continue
    with store.transaction(tenant) as t:
        return work(t)


def _is_news(pulse: Round, verdict: Verdict, before: Verdict | None) -> bool:
    """Whether a verdict is to be kept: not where it is kept already, of a term that is gone, of a period that was over,
    without a measurement, before we looked at it, or of one that is settled."""
    term = pulse.current.term(verdict)
    if term is None or (before is None and verdict.final and verdict.status == "no_data"):
        return False
    is_final = verdict.final if before is None else before.final
    if is_final and pulse.floor is not None and verdict.period_start < pulse.floor.settled:
        return False
    return _numbered(before, pulse, term, verdict)[0] != before


def _before(t: Transaction, pulse: Round, verdicts: Sequence[Verdict]) -> dict[Key, Verdict]:
    """What is kept of each of these verdicts, by its key; of a rolling one what was kept of it over any window."""
    rolling: dict[Key, int] = {}
    for verdict in verdicts:
        term = pulse.current.term(verdict)
        if term is not None and (rolling_from := _rolling_from(term)) is not None:
            rolling[verdict.key] = rolling_from
    found = dict(t.newest([verdict.key for verdict in verdicts if verdict.key not in rolling]))
    windows = t.newest_windows([(*key[:3], rolling_from) for key, rolling_from in rolling.items()])
    for key, rolling_from in rolling.items():
        if (newest := windows.get((*key[:3], rolling_from))) is not None:
            found[key] = newest
    return found


def _rolling_from(term: Term) -> int | None:
    return None if term.period.rolling is None else term.valid_from


def _numbered(before: Verdict | None, pulse: Round, term: Term, verdict: Verdict) -> tuple[Verdict, tuple[Cause, ...]]:
    return numbered(
        before,
        verdict,
        rolling=term.period.rolling is not None,
        assessed_until=pulse.news.assessed_until,
        events=term.indicator.kind == "duration",
    )


def _is_claimed(t: Transaction, *verdicts: Verdict | None) -> bool:
    """Whether the credit of a verdict in these versions was claimed, and billing told of that."""
    of = next((v for v in verdicts if v is not None and v.claim_by is not None), None)
    claim = None if of is None else t.claim_of(of.key)
    return claim is not None and claim.told_at is not None


def _tell_billing(t: Transaction, owed: Sequence[Adjustment]) -> None:
    if owed:
        t.add_adjustments(owed)
        t.add_outgoing([of_adjustment(one) for one in owed])


def is_history(verdict: Verdict, found: Sequence[Cause]) -> bool:
    """Whether a verdict only says what a period long over came to: it was final when we first looked at it, or an
    amendment has changed it afterwards. It is kept, and nobody is bothered."""
    return verdict.final and all(cause in (FIRST_ASSESSED, AMENDED) for cause in found)


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


def case_number(tenant: str, verdict: Verdict, opened_at: int, *, silent: bool = False) -> str:
    """A case's id: short enough to be read out on the telephone."""
    name = "\n".join(map(str, (tenant, *verdict.key, opened_at, *(["no_data"] if silent else []))))
    return "C-" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()
