"""The pulse: what has come in and what time has brought is assessed, kept under its versions, and told to the cases.

Before the verdicts of a pulse are kept, it is written down what they were made of (`ports.Assessment`), so that
`as_known` can make them again.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import structlog

from upheld.analysis.findings import SAME_TIME
from upheld.assessment.silence import Silence
from upheld.assessment.verdict import Verdict
from upheld.cases.decide import Command, Observed, Resumed, Withdraw, decide
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import Case
from upheld.maintenance.model import WATCHED
from upheld.ports import Assessment, Clock, LogFloor, MeasurementLog, Store, Transaction, VerdictFilter
from upheld.ports.settling import settled
from upheld.process.assessing.arrivals import Arrivals
from upheld.process.assessing.assessor import Assessor
from upheld.process.assessing.in_force import InForce
from upheld.process.assessing.keeping import is_news, kept_before, put, tell_claims
from upheld.process.assessing.round import News, Round, Rules, due
from upheld.process.casework.grouping import end_problem, note_restored
from upheld.process.casework.opening import Give, Opening, asks_for_case_outside
from upheld.process.telling.summing_up import Due
from upheld.process.works import work_life
from upheld.recorder import Recorder

log = structlog.get_logger()
T = TypeVar("T")
EVERY_CASE = 1_000_000
AT_ONCE = 500
"""Quiet verdicts kept in one transaction."""
TOGETHER = 50
"""Verdicts noted in one transaction, with all that follows from them."""
RESTS, MANY = 10, 1_000
"""Looking after all open cases takes a tenth of the time at most, once they are more than so many."""


class Pulse:
    """Assesses tenants, and gives their cases commands: `give` within a transaction, and with the instant from which on
    it could have been given (see `arrivals`)."""

    def __init__(
        self,
        store: Store,
        measurements: MeasurementLog,
        clock: Clock,
        rules: Rules,
        give: Give,
        recorder: Recorder = Recorder(),
    ) -> None:
        self._store, self._measurements, self._clock, self._rules = store, measurements, clock, rules
        self._give, self._recorder = give, recorder
        self._opening = Opening(clock, give, recorder)
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
        pulse = Round(tenant, self._rules, current, assessor, news, managed_since, made, before, floor)
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
        tell_claims(self._store, pulse.tenant, self._clock)
        yield from self._watch_works(pulse)
        if not pulse.news.verdicts:
            pulse.news.assessed_until = pulse.made.as_of
            if pulse.assessor.arrivals is not None:
                pulse.assessor.arrivals.all_kept(pulse.made.as_of)
            self._summaries.find(pulse.tenant, pulse.current, pulse.made.as_of, pulse.managed_since)
        yield from self._observe(pulse)
        yield from self._listen(pulse)
        return count

    def _watch_works(self, pulse: Round) -> Generator[None, None, None]:
        """Finds works that run over: the window has ended, nobody has said that the work has, and what it hits is bad
        since. Seen for a short while only: what breaks later is no work. What a work does outside of its window opens a
        case for each promise that it harms, whatever is left of its budget."""
        now, topology = pulse.made.as_of, pulse.current.topology
        with self._store.transaction(pulse.tenant, writing=False) as t:
            recent = t.maintenances(now - WATCHED)
        for work in recent:
            if not work.interrupts or not work.may_be_outside(now):
                continue
            hit = topology.hit_during(work.services, work.start, work.end).hit
            ends = {key: one.bad_until for key, one in pulse.assessor.conditions(SAME_TIME).items() if key[2] in hit}
            outside = {key: until for key, until in ends.items() if until is not None and work.is_outside(until)}
            if not work.runs_over and any(until > work.end for until in outside.values()):
                portfolio = pulse.current.portfolio
                say = partial(work_life.say, work_id=work.id, turn="overrun", at=work.end, now=self._clock.now())
                settled(self._store, pulse.tenant, partial(say, portfolio=portfolio, topology=topology))
            if outside:
                yield from self._open_outside(pulse, outside)

    def _open_outside(self, pulse: Round, ends: Mapping[tuple[str, str, str], int]) -> Generator[None, None, None]:
        def asks(t: Transaction, verdict: Verdict) -> bool:
            return asks_for_case_outside(verdict, t.cases_of(*verdict.key[:3]), ends[verdict.key[:3]])

        def open_each(t: Transaction, pulse: Round, some: Sequence[Verdict]) -> None:
            for verdict in kept_before(t, pulse, some).values():
                self._opening.open_outside(t, pulse, verdict, ends[verdict.key[:3]])

        harmed = [v for v in pulse.assessor.newest(ends).values() if v.period_end > pulse.managed_since]
        with self._store.transaction(pulse.tenant, writing=False) as t:
            harmed = [verdict for verdict in harmed if asks(t, verdict)]
        for first in range(0, len(harmed), TOGETHER):
            if first:
                yield
            self._each(pulse, harmed[first : first + TOGETHER], open_each, lambda verdict: verdict.key)

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
            before = kept_before(t, pulse, list(news.verdicts.values()))
        changed = [v for v in news.verdicts.values() if is_news(pulse, v, before.get(v.key))]
        if changed:
            settled(self._store, pulse.tenant, lambda t: t.add_assessment(pulse.made))
        quiet = [v for v in changed if v.status in ("met", "no_data") and v.key[:3] not in concerned]
        for first in range(0, len(quiet), AT_ONCE):
            if first:
                yield
            some = quiet[first : first + AT_ONCE]
            with self._store.transaction(pulse.tenant) as t:
                put(t, self._measurements, pulse, some, before)
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
        now, since = self._clock.now(), [due(pulse, verdict) for verdict in verdicts]
        self._recorder.verdicts_kept([v.status for v in verdicts], [now - at for at in since if at is not None])

    # -- cases --------------------------------------------------------------------------------------------------

    def _note_all(self, t: Transaction, pulse: Round, verdicts: Sequence[Verdict]) -> None:
        for verdict, found in put(t, self._measurements, pulse, verdicts, kept_before(t, pulse, verdicts)):
            self._opening.note(t, pulse, verdict, found)

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
        kept = kept_before(t, pulse, [verdict for verdict, _ in fallen])
        for now, silence in fallen:
            verdict = kept.get(now.key)
            if verdict is not None and t.open_case(*verdict.key[:3], silence=True) is None:
                self._opening.open_silence(t, pulse, verdict, silence)
