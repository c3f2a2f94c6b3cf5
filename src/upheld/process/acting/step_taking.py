"""Steps that are due, taken: tickets opened and noted, people paged and asked, automations called, credits recorded.

Each step was recorded before, under the key that the other side knows it by. Of one ticket system, the steps that come
after one that has failed wait for it, so that everything goes out in its order once the system is back.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from upheld.actions.model import TICKET_KINDS, Action, ActionState
from upheld.actions.runs import CREDIT_KINDS, TICKETS, moved_on
from upheld.actions.tickets import written_to
from upheld.agreements.units import DAY, MINUTE, format_instant, parse_instant
from upheld.assessment.verdict import to_document
from upheld.cases.decide import Command, StepChanged, StepDone, StepFailed
from upheld.notices.stages import MAX_ATTEMPTS, next_attempt
from upheld.ports import AgendaEntry, Channels, Clock, DeliveryError, Store, Tickets, Transaction
from upheld.process.acting.stepping import entry_id
from upheld.process.process import Process
from upheld.recorder import Recorder

log = structlog.get_logger()

StepLink = Callable[[str, str], str]
"""(tenant, action) -> the signed link on which a step is answered."""
_NOT_FINAL = "waits for the final verdict"
_BEHIND = "waits behind an earlier step that has not reached the ticket system"
PAGED_AGAIN = 1
"""How often a page is sent again whose sending was cut off: not for ever, where it is the sending that kills us."""
AGAIN = "Perhaps again: "
LONGEST_BEHIND = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of taking a step: `waiting` where the outcome comes later."""

    state: ActionState
    reference: str | None = None
    outcome: str | None = None


class StepTaker:
    """Takes steps over the process and the channels. `link` signs links for those who are to answer."""

    def __init__(
        self,
        process: Process,
        store: Store,
        clock: Clock,
        channels: Channels,
        link: StepLink,
        recorder: Recorder = Recorder(),
    ) -> None:
        self._process, self._store, self._clock, self._recorder = process, store, clock, recorder
        self._channels, self._link = channels, link

    def take(self, entry: AgendaEntry) -> None:
        """Takes the step of an entry of the agenda, unless it has moved on in the meantime."""
        with self._store.transaction(entry.tenant, writing=False) as t:
            action = t.action(entry.data["action"])
            if action is None or action.state != "requested" or entry_id(action) != entry.id:
                action = None
            case = None if action is None else t.case(action.plan["case"])
            before = None if action is None else _stuck_before(t, action)
        if action is None:
            with self._store.transaction(entry.tenant) as t:
                t.finish(entry.id)
            return self._recorder.entry_performed(entry.kind, "done")
        reason = moved_on(action, case)
        if reason is not None:
            skipped = replace(action, state="skipped", outcome=reason, done_at=self._clock.now())
            return self._record(entry, skipped, StepChanged("step_skipped", action.id, action.kind, reason=reason))
        if before is not None:
            return self._wait_behind(entry, action, before)
        if action.plan["wait"] is not None or action.plan["level"] is not None:
            action = self._process.steps.prepare(entry.tenant, action)
        if action.kind in CREDIT_KINDS:
            action, final_at = self._owed(entry.tenant, action)
            if final_at is not None:
                self._recorder.entry_performed(entry.kind, "put_off")
                return self._put_off(entry, replace(action, outcome=_NOT_FINAL), final_at)
        if action.channel in self._channels.pagers:
            action = self._noted(entry.tenant, action)
        try:
            what = "open ticket" if action.kind == "ticket" else action.kind.replace("_", " ")
            with self._recorder.span(what, kind="client", case=action.case_id, attempt=action.attempts + 1):
                taken = self._take(entry.tenant, action)
        except DeliveryError as fault:
            return self._failed(entry, action, fault)
        return self._taken(entry, action, taken)

    # -- what comes of it -----------------------------------------------------------------------------------------

    def _taken(self, entry: AgendaEntry, action: Action, taken: Taken) -> None:
        now = self._clock.now()
        after = replace(
            action,
            state=taken.state,
            done_at=None if taken.state == "waiting" else now,
            reference=taken.reference,
            outcome=taken.outcome,
            attempts=action.attempts + 1,
            error=None,
        )
        command: Command = StepDone(action.id, taken.reference, action.kind)
        if taken.state == "waiting":
            command = StepChanged("step_waits", action.id, action.kind)
        elif taken.state == "skipped":
            command = StepChanged("step_skipped", action.id, action.kind, reason=taken.outcome or "")
        self._record(entry, after, command)

    def _record(self, entry: AgendaEntry, action: Action, command: Command) -> None:
        self._process.steps.record(entry.tenant, entry.id, action, command)
        self._recorder.entry_performed(entry.kind, "done")

    def _noted(self, tenant: str, action: Action) -> Action:
        """A page that is about to be sent. That is noted first, because who is paged knows no keys: where the note is
        there already, an earlier try was cut off, and nobody knows whether it has reached them. Such tries are counted
        (`plan["cut_off"]`)."""
        cut_off = action.plan.get("cut_off", 0) + action.plan.get("paging", False)
        plan = {name: value for name, value in action.plan.items() if name != "paging"}
        action = replace(action, plan={**plan, "cut_off": cut_off} if cut_off else plan)
        with self._store.transaction(tenant) as t:
            known = t.action(action.id)
            if known is not None and known.state == "requested" and known.again == action.again:
                t.save_action(replace(action, plan={**action.plan, "paging": True}))
        return action

    def _failed(self, entry: AgendaEntry, action: Action, fault: DeliveryError) -> None:
        now, attempts = self._clock.now(), action.attempts + 1
        retries = action.plan["retries"]
        last = MAX_ATTEMPTS if retries is None else retries + 1
        again = None if fault.permanent or attempts >= last else next_attempt(min(attempts, MAX_ATTEMPTS - 1), now)
        action = replace(action, attempts=attempts, error=str(fault))
        log.warning("step not taken", action=action.id, again=again is not None, reason=str(fault))
        self._recorder.entry_performed(entry.kind, "given_up" if again is None else "put_off")
        if again is None:
            failed = replace(action, state="failed", done_at=now)
            return self._process.steps.record(
                entry.tenant, entry.id, failed, StepFailed(action.id, str(fault), action.kind)
            )
        return self._put_off(entry, action, again)

    def _wait_behind(self, entry: AgendaEntry, action: Action, before: Action) -> None:
        now = self._clock.now()
        again = next_attempt(min(max(before.attempts, 1), MAX_ATTEMPTS - 1), now) or now
        self._recorder.entry_performed(entry.kind, "put_off")
        self._put_off(entry, replace(action, error=action.error or _BEHIND), min(again, now + LONGEST_BEHIND))

    def _put_off(self, entry: AgendaEntry, action: Action, again: int) -> None:
        with self._store.transaction(entry.tenant) as t:
            known = t.action(action.id)
            if known is not None and known.state == "requested" and known.again == action.again:
                t.save_action(action)
            t.retry(entry.id, again, action.error or "")

    # -- each kind ------------------------------------------------------------------------------------------------

    def _take(self, tenant: str, action: Action) -> Taken:
        match action.kind:
            case "ticket":
                return self._open(tenant, action)
            case "update_ticket":
                return self._update(tenant, action)
            case "escalate" if action.channel in self._channels.tickets:
                return self._open(tenant, action)
            case "propose_credit" | "issue_credit":
                return self._credit(tenant, action)
            case "approve":
                if action.channel is not None:
                    self._tell(tenant, action, self._asked(tenant, action))
                return Taken("waiting")
        return self._tell(tenant, action, action.detail)

    def _system(self, tenant: str, channel: str | None) -> Tickets:
        if channel not in self._channels.tickets or not self._channels.may(tenant, channel or ""):
            raise DeliveryError(f"no ticket system is declared as channel {channel}", permanent=True)
        return self._channels.tickets[channel or TICKETS]

    def _open(self, tenant: str, action: Action) -> Taken:
        return Taken("done", _kept(self._system(tenant, action.channel).open(tenant, action.id, action.detail)))

    def _update(self, tenant: str, action: Action) -> Taken:
        system = self._system(tenant, action.channel)
        with self._store.transaction(tenant, writing=False) as t:
            steps = [*t.tickets_of_cases(action.case_id), *t.actions_brief(action.case_id)]
        references, coming = written_to(action, steps, self._clock.now())
        if not references and not coming and "ticket" in action.plan:
            return Taken("skipped", outcome="its ticket was not opened")
        if not references:
            raise DeliveryError("the ticket is not open yet" if coming else "there is no ticket", permanent=not coming)
        reference, *others = references
        note, state = str(action.detail["note"]), action.detail["state"]
        for other in others:
            system.update(tenant, f"{action.id}/{other}", other, note, state)
        system.update(tenant, action.id, reference, note, state)
        return Taken("done", reference)

    def _asked(self, tenant: str, action: Action) -> dict[str, Any]:
        link = self._link(tenant, action.id)
        body = f"{action.detail['description']}\n\nApprove or reject: {link}"
        return {"title": action.detail["question"], "body": body, **action.detail, "link": link}

    def _tell(self, tenant: str, action: Action, said: Any) -> Taken:
        """Pages whom the channel names, or calls it."""
        name = action.channel
        if name is None or not self._channels.may(tenant, name):
            raise DeliveryError(f"no channel {name} is declared", permanent=True)
        if name in self._channels.pagers:
            return self._page(name, action, said)
        if name not in self._channels.hooks:
            raise DeliveryError(
                f"channel {name} is a ticket system, which {action.kind} does not go to", permanent=True
            )
        payload = {
            "type": f"upheld.step.{action.kind}",
            "step": action.id,
            "answer": self._link(tenant, action.id),
            "due_by": None if action.due_by is None else format_instant(action.due_by),
            **said,
        }
        answer = self._channels.hooks[name].call(f"{tenant}/{action.id}", self._clock.now(), payload)
        return Taken("waiting" if answer.status == 202 else "done", *_told(answer.body))

    def _page(self, name: str, action: Action, said: Any) -> Taken:
        """Rather twice than never: a page whose sending was cut off is sent once more, and says so."""
        title, body = said.get("title", said.get("name", "")), said.get("body", said.get("description", ""))
        cut_off = action.plan.get("cut_off", 0)
        if cut_off > PAGED_AGAIN:
            raise DeliveryError(f"{cut_off} tries were cut off, and may have reached {name}", permanent=True)
        self._channels.pagers[name].page(f"{AGAIN if cut_off else ''}{title}", f"{body}\n\n{action.id}")
        doubt = "; an earlier try was cut off and may have reached it too" if cut_off else ""
        return Taken("done", outcome=f"told {name}{doubt}")

    def _owed(self, tenant: str, action: Action) -> tuple[Action, int | None]:
        """The step with the credit that its verdict owes by now; and when to look again, while that is not final. Of a
        window that moves on, whose verdict is never final, what the case was last told of holds."""
        said, now = action.detail, self._clock.now()
        key = (said["agreement"], said["objective"], said["service"], parse_instant(said["period_start"]))
        with self._store.transaction(tenant, writing=False) as t:
            verdict = t.verdict(key)
        if verdict is None:
            return action, None
        if not verdict.final and verdict.period_end + 30 * DAY > now:
            return action, max(verdict.period_end, now + 15 * MINUTE)
        credit = to_document(verdict)["credit"]
        return replace(action, detail={**said, "credit": credit, "version": verdict.version, "final": True}), None

    def _credit(self, tenant: str, action: Action) -> Taken:
        """Recording it is all that is done here: billing is told of what is owed by adjustments."""
        credit = action.detail["credit"]
        if credit is None:
            return Taken("skipped", outcome="no credit is owed")
        amount = f"{credit['amount']} {credit['currency']}"
        if action.kind == "propose_credit":
            return Taken("done", outcome=f"{amount} proposed")
        with self._store.transaction(tenant, writing=False) as t:
            issued = [
                one
                for one in t.actions(action.case_id)
                if one.kind == "issue_credit" and one.state == "done" and _same_period(one, action)
            ]
        if issued:
            return Taken("skipped", outcome=f"issued already: {issued[0].outcome}")
        return Taken("done", outcome=f"{amount} issued")


def _same_period(one: Action, other: Action) -> bool:
    names = ("agreement", "objective", "service", "period_start")
    return all(one.detail.get(name) == other.detail.get(name) for name in names)


def _stuck_before(t: Transaction, action: Action) -> Action | None:
    """The step of the same ticket system that this one waits for, if there is one."""
    if action.kind not in TICKET_KINDS or action.channel is None:
        return None
    return t.first_held(action.channel, (action.requested_at, action.id))


def _told(answer: str) -> tuple[str | None, str | None]:
    """What a JSON answer says: what the outside names the step by (`id`), and the `outcome` in words."""
    try:
        document: Any = json.loads(answer)
    except ValueError:
        return None, None
    if not isinstance(document, dict):
        return None, None
    reference, outcome = document.get("id"), document.get("outcome")
    return _kept(reference), _kept(outcome, 2000)


def _kept(answered: object, most: int = 200) -> str | None:
    """What another system answered, as it can be kept: what was done there was done, whatever it calls it."""
    return None if answered is None else str(answered).replace("\0", "")[:most]
