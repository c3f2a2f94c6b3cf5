"""What is due on the agenda, performed: notices sent, steps taken, files fetched, timers that have run out.

Each entry was committed with the decision that asked for it. It is claimed for a lease, performed, and finished in one
transaction with the record of what came of it; where the worker dies in between, the entry is free again after the
lease, and the receiver knows a doubled message by its id.
"""

from collections.abc import Callable, Mapping, Sequence

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, unbind_contextvars

from upheld.cases.decide import CloseUnanswered, Remind, Update
from upheld.notices.gathering import GATHER
from upheld.notices.stages import next_attempt
from upheld.ports import AgendaEntry, Clock, Store
from upheld.process.acting.correcting import LONGEST, QUIET
from upheld.process.acting.step_taking import StepTaker
from upheld.process.acting.stepping import ACT, OVERDUE
from upheld.process.casework.grouping import tell_joined
from upheld.process.casework.resolving import ASK, PASS_ON
from upheld.process.process import Process
from upheld.process.telling.reactions import (
    CLOCK,
    CLOSE,
    EXAMINE,
    FETCH,
    JOINED,
    REMIND,
    SEND,
    TRACE,
    UPDATE,
    UPDATE_PROBLEM,
)
from upheld.process.telling.sending import NoticeSender
from upheld.process.telling.summing_up import SUM_UP
from upheld.process.works.announcing import FOLLOW, JUDGE, REMIND_MAINTENANCE
from upheld.process.works.objecting import TELL_OBJECTIONS
from upheld.recorder import Recorder

log = structlog.get_logger()

AT_ONCE = 4
"""Sendings that one worker claims at a time."""
PROBLEMS_AT_ONCE = 100
"""Problems that something is told of in one round."""
_ABOUT = ("notice", "action", "case", "maintenance", "job")
"""What of an entry's data says what it is about."""


class Performer:
    """Performs the agenda over the process, and those who send notices and take steps. `fetch` performs the fetch of a
    file, and records what came of it with its end; without it none is fetched."""

    def __init__(
        self,
        process: Process,
        store: Store,
        clock: Clock,
        notices: NoticeSender,
        steps: StepTaker,
        lease: int,
        recorder: Recorder = Recorder(),
        fetch: Callable[[AgendaEntry], None] | None = None,
    ) -> None:
        self._process, self._store, self._clock, self._recorder = process, store, clock, recorder
        self._lease = lease
        self._kinds: Mapping[str, Callable[[AgendaEntry], None]] = {
            SEND: notices.send,
            ACT: steps.take,
            OVERDUE: self._find_overdue,
            REMIND: self._remind,
            CLOSE: self._close_unanswered,
            UPDATE: self._send_update,
            UPDATE_PROBLEM: self._update_problem,
            CLOCK: self._run_clock,
            EXAMINE: self._examine,
            JOINED: self._tell_joined,
            JUDGE: self._judge_maintenance,
            REMIND_MAINTENANCE: self._remind_of_maintenance,
            SUM_UP: self._sum_up,
            ASK: self._ask_resolution,
            PASS_ON: self._pass_on_resolution,
            FOLLOW: self._follow_maintenance,
            TELL_OBJECTIONS: self._tell_objections,
            **({} if fetch is None else {FETCH: fetch}),
        }

    def work(self) -> int:
        """Performs entries that are due, of every kind; returns how many it took on."""
        return self.send() + self.fetch() + self.keep_time()

    def send(self) -> int:
        """Performs a few entries that reach outside. A slow receiver holds up only who performs them: few at a time,
        so that a lease outlasts their time limits."""
        return self._perform([SEND, ACT], AT_ONCE)

    def fetch(self) -> int:
        """Performs the fetch of a file. A slow file server holds up neither a notice nor a timer."""
        return self._perform([FETCH], 1) if FETCH in self._kinds else 0

    def keep_time(self) -> int:
        """Performs timers that have run out, and tells what was gathered. They wait for no receiver."""
        timers = self._perform([kind for kind in self._kinds if kind not in (SEND, ACT, FETCH)], 100)
        return timers + self._tell() + self._tell_news()

    def _tell(self) -> int:
        """Tells some of what is owed of problems and was gathered long enough; of how many problems."""
        owing = self._store.owing(self._clock.now() - GATHER, PROBLEMS_AT_ONCE)
        for tenant, problem in owing:
            with bound_contextvars(tenant=tenant, problem=problem):
                try:
                    with self._recorder.span("tell owed", tenant=tenant, problem=problem):
                        self._process.tell_owed(tenant, problem)
                except Exception:  # one problem that cannot be told of must not hold up the others
                    log.exception("what is owed of a problem was not told")
                    owing = [one for one in owing if one != (tenant, problem)]
        return len(owing)

    def _tell_news(self) -> int:
        """Tells what verdicts have come to, where that was gathered long enough; of how many tenants."""
        tenants = self._store.with_news(self._clock.now(), QUIET, LONGEST)
        told = 0
        for tenant in tenants:
            with bound_contextvars(tenant=tenant):
                try:
                    with self._recorder.span("tell news", tenant=tenant):
                        told += self._process.tell_news(tenant) > 0
                except Exception:  # one tenant whose news cannot be told must not hold up the others
                    log.exception("what verdicts have come to was not told")
        return told

    def _perform(self, kinds: Sequence[str], limit: int) -> int:
        entries = self._store.claim(self._clock.now(), self._lease, limit, kinds)
        for entry in entries:
            with bound_contextvars(tenant=entry.tenant, entry=entry.id):
                self._perform_one(entry)
        return len(entries)

    def _perform_one(self, entry: AgendaEntry) -> None:
        of = {name: entry.data[name] for name in _ABOUT if name in entry.data}
        carried, recorder = entry.data.get(TRACE), self._recorder
        try:
            with recorder.span(entry.kind, carried=carried, kind="consumer", tenant=entry.tenant, **of):
                bind_contextvars(**of, **({"trace_id": trace_id} if (trace_id := recorder.trace_id()) else {}))
                try:
                    self._kinds[entry.kind](entry)
                finally:
                    unbind_contextvars("trace_id", *of)
        except Exception as fault:  # one entry that cannot be performed must not hold up the others
            log.exception("entry of the agenda failed", kind=entry.kind, **of)
            self._put_off(entry, type(fault).__name__)

    # -- timers ---------------------------------------------------------------------------------------------------

    def _remind(self, entry: AgendaEntry) -> None:
        self._process.cases.command(entry.tenant, entry.data["case"], Remind(entry.data["asked"]))
        self._finish(entry)

    def _close_unanswered(self, entry: AgendaEntry) -> None:
        self._process.cases.command(entry.tenant, entry.data["case"], CloseUnanswered(entry.data["asked"]))
        self._finish(entry)

    def _send_update(self, entry: AgendaEntry) -> None:
        self._process.cases.command(
            entry.tenant, entry.data["case"], Update(since=entry.data["since"], due=entry.data["due"])
        )
        self._finish(entry)

    def _update_problem(self, entry: AgendaEntry) -> None:
        of = entry.data
        more = self._process.update_some(entry.tenant, of["problem"], Update(of["text"], of["by"]), of["at"])
        if not more:
            return self._finish(entry)
        with self._store.transaction(entry.tenant) as t:
            t.put_back(entry.id, self._clock.now(), "more cases are to be told of")
        return None

    def _run_clock(self, entry: AgendaEntry) -> None:
        self._process.cases.run_clock(entry.tenant, entry)
        self._recorder.entry_performed(entry.kind, "done")

    def _examine(self, entry: AgendaEntry) -> None:
        self._process.cases.examine(entry.tenant, entry.data["start"], entry.data["end"])
        self._finish(entry)

    def _tell_joined(self, entry: AgendaEntry) -> None:
        with self._store.transaction(entry.tenant) as t:
            tell_joined(t, entry.data["problem"], self._clock.now())
            t.finish(entry.id)
        self._recorder.entry_performed(entry.kind, "done")

    def _find_overdue(self, entry: AgendaEntry) -> None:
        self._process.steps.find_overdue(entry.tenant, entry.data["action"])
        self._finish(entry)

    def _judge_maintenance(self, entry: AgendaEntry) -> None:
        self._process.works.judge(entry.tenant, entry.data["maintenance"])
        self._finish(entry)

    def _remind_of_maintenance(self, entry: AgendaEntry) -> None:
        of = entry.data
        self._process.works.remind(entry.tenant, of["maintenance"], of["agreement"], of["sequence"], of["start"])
        self._finish(entry)

    def _follow_maintenance(self, entry: AgendaEntry) -> None:
        of = entry.data
        self._process.works.follow(entry.tenant, of["maintenance"], of["turn"], of["sequence"])
        self._finish(entry)

    def _tell_objections(self, entry: AgendaEntry) -> None:
        self._process.works.tell_objections(entry.tenant, entry.data["maintenance"])
        self._finish(entry)

    def _ask_resolution(self, entry: AgendaEntry) -> None:
        self._process.cases.remind_of_resolution(entry.tenant, entry)
        self._recorder.entry_performed(entry.kind, "done")

    def _pass_on_resolution(self, entry: AgendaEntry) -> None:
        self._process.cases.pass_on_resolution(entry.tenant, entry.data["problem"])
        self._finish(entry)

    def _sum_up(self, entry: AgendaEntry) -> None:
        self._process.sum_up(entry.tenant, entry)
        self._recorder.entry_performed(entry.kind, "done")

    # -- keeping --------------------------------------------------------------------------------------------------

    def _finish(self, entry: AgendaEntry) -> None:
        with self._store.transaction(entry.tenant) as t:
            t.finish(entry.id)
        self._recorder.entry_performed(entry.kind, "done")

    def _put_off(self, entry: AgendaEntry, error: str) -> None:
        again = next_attempt(entry.attempts, self._clock.now())
        with self._store.transaction(entry.tenant) as t:
            if again is None:
                t.give_up(entry.id, error)
            else:
                t.retry(entry.id, again, error)
        self._recorder.entry_performed(entry.kind, "given_up" if again is None else "put_off")
