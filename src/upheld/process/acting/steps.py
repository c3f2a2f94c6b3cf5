"""Steps of playbooks, one transaction for each thing that becomes of them: begun with their case, changed by a person,
prepared, taken, overdue."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from upheld.actions.model import ENDED, Action
from upheld.actions.runs import Verb
from upheld.cases.decide import Command, Escalate, StepChanged
from upheld.ports import AgendaEntry, Clock, Store, Transaction
from upheld.ports.settling import settled
from upheld.process.acting import stepping
from upheld.process.deciding import Decisions
from upheld.process.telling.reactions import TRACE
from upheld.recorder import Recorder


class Steps:
    """The steps of each tenant's cases."""

    def __init__(self, store: Store, clock: Clock, decisions: Decisions, recorder: Recorder) -> None:
        self._store, self._clock, self._decisions, self._recorder = store, clock, decisions, recorder

    def adopt_playbooks(self, tenant: str, source: str, applied_by: str | None = None) -> int:
        """Puts playbooks (their YAML text, which can be read) in force, in place of those before, and returns the
        version; the same text again is the same version. What has begun goes on as it was."""

        def adopt(t: Transaction) -> int:
            newest = t.playbooks()
            if newest is not None and newest[1] == source:
                return newest[0]
            return t.save_playbooks(source, self._clock.now(), applied_by)

        return settled(self._store, tenant, adopt)

    def change(
        self, tenant: str, action_id: str, verb: Verb, by: str, reason: str = "", reference: str | None = None
    ) -> Literal["taken", "too_late", "unknown"]:
        """What a person, or an automation, says of a step; `too_late` where that cannot be said of it as it is."""

        def say(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            action = t.action(action_id)
            if action is None:
                return "unknown"
            around, now = self._decisions.around(t, tenant), self._clock.now()
            said = stepping.change(t, action, verb, by, reason, reference, around, now)
            if said is None:
                return "too_late"
            self._schedule(t, said[1])
            self._tell_case(t, tenant, action, said[0])
            return "taken"

        return settled(self._store, tenant, say)

    def prepare(self, tenant: str, action: Action) -> Action:
        """A step that is about to be taken after a wait: what it says is recorded anew, and its case raised to its
        level."""

        def prepare(t: Transaction) -> Action:
            case, level = t.case(action.plan["case"]), action.plan["level"]
            if case is not None and level is not None:
                self._decisions.give(t, tenant, case, Escalate(level, action.playbook))
            return stepping.prepared(t, action, self._decisions.around(t, tenant))

        return settled(self._store, tenant, prepare)

    def record(self, tenant: str, entry_id: str, action: Action, command: Command) -> None:
        """Keeps what came of a step, ends its entry of the agenda, lets those go on that waited for it, and lets its
        case know: all of it or nothing. What a person has said of it in the meantime stands."""

        def record(t: Transaction) -> None:
            t.finish(entry_id)
            known = t.action(action.id)
            if known is None or known.again != action.again:
                return
            if known.state != "requested":
                t.save_action(replace(known, reference=known.reference or action.reference, error=None))
                return
            now = self._clock.now()
            self._schedule(t, stepping.end(t, action, self._decisions.around(t, tenant), now))
            if action.state in ENDED:
                stepping.wake_next(t, action, now)
            self._tell_case(t, tenant, action, command)

        settled(self._store, tenant, record)

    def find_overdue(self, tenant: str, action_id: str) -> None:
        """A step's deadline has come: it is overdue where it has not ended, and where it waits for an answer, it has
        failed."""

        def find(t: Transaction) -> None:
            action, now = t.action(action_id), self._clock.now()
            late = action is not None and action.due_by is not None and action.due_by <= now
            if action is None or not late or action.overdue_at or action.state not in ("requested", "waiting"):
                return
            after, reason = replace(action, overdue_at=now), "it is not done yet"
            if action.state == "waiting":
                reason = "nobody has answered in time"
                after = replace(after, state="failed", outcome=reason, done_at=now)
            self._schedule(t, stepping.end(t, after, self._decisions.around(t, tenant), now))
            self._tell_case(t, tenant, after, StepChanged("step_overdue", after.id, after.kind, reason=reason))

        settled(self._store, tenant, find)

    def _tell_case(self, t: Transaction, tenant: str, action: Action, command: Command) -> None:
        case = t.case(action.case_id)
        if case is not None:
            self._decisions.give(t, tenant, case, command)

    def _schedule(self, t: Transaction, entries: Sequence[AgendaEntry]) -> None:
        carried = self._recorder.carried()
        for entry in entries:
            t.schedule(replace(entry, data={**entry.data, **({TRACE: dict(carried)} if carried else {})}))
