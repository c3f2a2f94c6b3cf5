"""Process 1.3.8.2, Manage QoS/SLA Violation, on one page: load -> decide -> commit, with the outbox and the timers.

Measurements are made durable by `take_measurements`; `pulse` assesses what has come in and what time has brought, and
gives each case its commands; `work` performs what is due on the agenda: notices to send, steps to take, timers that
have run out. What is to be performed is committed together with the decision that asks for it, so that a crash at any
instant leaves either both or neither, and the agenda's ids make each effect happen once.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import structlog

from upheld.actions.model import ENDED, Action
from upheld.actions.playbook import Playbooks
from upheld.actions.runs import Verb
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.units import format_instant, parse_instant
from upheld.analysis.alarms import Report
from upheld.analysis.better_slot import Wanted
from upheld.analysis.model import Change
from upheld.analysis.outlook import AnyOutlook
from upheld.analysis.topology import Topology
from upheld.analysis.work_preview import Preview
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version
from upheld.cases.answers import Via as AnswerVia
from upheld.cases.clocks import informed_at
from upheld.cases.decide import (
    Answer,
    AskAgain,
    ClockRuns,
    Command,
    Escalate,
    Examined,
    Resolve,
    StepChanged,
    Update,
    answers,
    decide,
)
from upheld.cases.model import ENDED_STATES, ROLLING, Case
from upheld.cases.performance import Performance, performance
from upheld.maintenance.model import Maintenance, Window, is_same_plan
from upheld.maintenance.notified import WorkNotice
from upheld.maintenance.objection import Objection
from upheld.maintenance.received import NoticedWindow, Received
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.mapping import Mapping
from upheld.notices.model import Notice
from upheld.notices.planning import WorkLink
from upheld.outgoing.claims import Refused, Via
from upheld.outgoing.happened import of_case
from upheld.ports import AgendaEntry, Clock, MeasurementLog, Store, Transaction, VerdictFilter
from upheld.process.acting import claiming, correcting, stepping
from upheld.process.assessing import expecting, topologies
from upheld.process.assessing.as_known import AsKnown
from upheld.process.assessing.assessor import measured_since
from upheld.process.assessing.in_force import InForce, Portfolios, agreement_versions
from upheld.process.assessing.pulse import Pulse, Rules, settled
from upheld.process.assessing.stating import Stating
from upheld.process.casework import alarming, answering, examining, related, resolving
from upheld.process.casework.grouping import note_examined
from upheld.process.telling import owed, summing_up, updating
from upheld.process.telling.owed import ProblemLink
from upheld.process.telling.reactions import ARRIVED, TRACE, UPDATE_PROBLEM, QuestionLink, reaction
from upheld.process.telling.updating import to_update
from upheld.process.works import announcing, foreseeing, intake, objecting, work_life
from upheld.recorder import Recorder
from upheld.reports import incident
from upheld.reports.records import case_document

log = structlog.get_logger()
TOLD_TOGETHER = 100
"""Cases that one transaction tells of a customer's answer, or of what their problem was."""


class Differs(Exception):
    """There is a work of an id, and it is another one, or was cancelled (`state`)."""

    def __init__(self, work: str, state: str) -> None:
        super().__init__(f"{work!r} {'was cancelled' if state == 'cancelled' else 'is another work'}; give a new id")
        self.work = work


class Process:
    """The process over its ports. `parse` reads a portfolio's YAML text, `parse_playbooks` that of playbooks,
    `parse_topology` a topology's JSON text; `question_link(tenant)`, `problem_link(tenant)`, `claim_link(tenant)` and
    `work_link(tenant)` sign links."""

    def __init__(
        self,
        store: Store,
        measurements: MeasurementLog,
        clock: Clock,
        parse: Callable[[str], Portfolio],
        parse_playbooks: Callable[[str], Playbooks],
        parse_topology: Callable[[str], Topology],
        question_link: Callable[[str], QuestionLink],
        problem_link: Callable[[str], ProblemLink],
        claim_link: Callable[[str], correcting.ClaimLink],
        work_link: Callable[[str], WorkLink],
        rules: Rules = Rules(),
        recorder: Recorder = Recorder(),
    ) -> None:
        self._store, self._measurements, self._clock, self._recorder = store, measurements, clock, recorder
        self._question_link, self._problem_link = question_link, problem_link
        self._claim_link, self._work_link = claim_link, work_link
        self._topologies, self._books = topologies.Topologies(parse_topology), stepping.Books(parse_playbooks)
        self._portfolios = Portfolios(parse, self._topologies)
        self._as_known = AsKnown(store, measurements, self._portfolios)
        self._pulse = Pulse(store, measurements, clock, rules, lambda *given: self._give(*given), recorder)
        self._stating = Stating(
            store, measurements, clock, lambda tenant, rows: self.take_measurements(tenant, rows, "events")
        )
        self._delay = rules.delay
        self._since: dict[str, int] = {}
        self._under_way: dict[str, Generator[None, None, int]] = {}
        self._changed: dict[str, int] = {}

    # -- what was promised, what was delivered ------------------------------------------------------------------

    def adopt_portfolio(self, tenant: str, source: str, portfolio: Portfolio, applied_by: str | None = None) -> int:
        """Puts a portfolio (its YAML text, and what it says) in force and returns its version; the same text again
        is the same version. An agreement's own version rises where what it says has changed. Whom the portfolio lets a
        planned work hit is told of the work."""
        now = self._clock.now()
        with self._store.transaction(tenant) as t:
            newest = t.portfolio()
            if newest is not None and newest[1] == source:
                version = newest[0]
            else:
                before = None if newest is None else t.adoption(newest[0])
                version = t.save_portfolio(source, now, applied_by, agreement_versions(portfolio, before))
            # What is not committed yet is not remembered.
            own = topologies.over(self._topologies.own(t, tenant), portfolio)
            announcing.catch_up(t, portfolio, own, now, self._work_link(tenant))
        self._managed_since(tenant)
        return version

    def portfolio(self, tenant: str) -> Portfolio | None:
        """The portfolio in force."""
        current = self.in_force(tenant)
        return None if current is None else current.portfolio

    def adopt_topology(self, tenant: str, topology: Topology, applied_by: str | None = None) -> int:
        """Puts a topology in force and returns its version; the same again is the same version. Whom it lets a planned
        work hit is told of the work."""
        now = self._clock.now()
        with self._store.transaction(tenant) as t:
            portfolio = self._ground(t, tenant)[0]
            version = topologies.adopt(t, topology, now, applied_by)
            own = topologies.over(topology, portfolio)
            announcing.catch_up(t, portfolio, own, now, self._work_link(tenant))
        return version

    def topology(self, tenant: str) -> Topology:
        """The topology in force, joined with the portfolio's resources; an empty one before the first of both."""
        with self._store.transaction(tenant, writing=False) as t:
            return self._ground(t, tenant)[1]

    def _ground(self, t: Transaction, tenant: str) -> tuple[Portfolio | None, Topology]:
        """What is promised, and what that runs over."""
        current = self._portfolios.newest(t, tenant)
        if current is None:
            return None, self._topologies.newest(t, tenant, 0, None)
        return current.portfolio, current.topology

    def _announcing(self, t: Transaction, tenant: str) -> tuple[Portfolio | None, Topology, int, WorkLink]:
        """What a work is announced by, now."""
        return *self._ground(t, tenant), self._clock.now(), self._work_link(tenant)

    def known_series(self, tenant: str) -> frozenset[tuple[str, str]]:
        """Every (service, metric) that an objective assesses."""
        current = self.in_force(tenant)
        return frozenset() if current is None else current.series

    def take_measurements(self, tenant: str, batch: pa.Table, source: str | None = None) -> int:
        """Makes a batch (`measurements.model.COLUMNS`), delivered by `source`, durable and returns its position in the
        log. It is assessed by the next pulse. What was measured in a time that is settled is counted, and not kept."""
        floor = self._pulse.floor(tenant)
        if floor is not None:
            taken = measured_since(batch, floor.settled)
            self._recorder.measurements_left_out(tenant, "log", {"too_old": batch.num_rows - taken.num_rows})
            batch = taken
        began = time.monotonic()
        with self._recorder.span("append", tenant=tenant, rows=batch.num_rows):
            position = self._measurements.append(tenant, batch, source)
        self._recorder.batch_appended(batch.num_rows, time.monotonic() - began)
        return position

    def grant_exclusion(self, tenant: str, exclusion_id: str, exclusion: Exclusion) -> None:
        """Lets an interval not count; the next pulse restates what it touches."""
        with self._store.transaction(tenant) as t:
            t.add_exclusion(exclusion_id, exclusion)

    def revoke_exclusion(self, tenant: str, exclusion_id: str, revoked_by: str | None) -> bool:
        """Lets it count again; the next pulse restates what it touches. False where there is none that stands."""
        with self._store.transaction(tenant) as t:
            if t.exclusion(exclusion_id) is None:
                return False
            t.revoke_exclusion(exclusion_id, self._clock.now(), revoked_by)
            return True

    def known_events(self, tenant: str) -> frozenset[tuple[str, str]]:
        """Every (service, metric) whose events an objective is about: of kind `duration`, or `availability` that they
        make bad (`InForce.states`)."""
        current = self.in_force(tenant)
        if current is None:
            return frozenset()
        timed = (key for term in current.every_term if term.indicator.kind == "duration" for key in term.series)
        return frozenset(timed) | frozenset(current.states)

    def take_events(self, tenant: str, events: Sequence[ServiceEvent]) -> None:
        """Makes durable what is told of events. It is assessed by the next pulse."""
        with self._store.transaction(tenant) as t:
            t.add_service_events(events)

    def take_alarms(self, tenant: str, reports: Sequence[Report], mapping: Mapping) -> Sequence[alarming.Taken]:
        """Makes durable what is reported of alarms, and what that says of events; the next pulse assesses it."""
        read, now = self.known_events(tenant), self._clock.now()
        return settled(self._store, tenant, lambda t: alarming.take(t, reports, mapping, read, now))

    def record_change(self, tenant: str, change: Change) -> tuple[Change, bool]:
        """Keeps a change for the analysis of cases, unless there is one of its id. Returns the one that is kept, and
        whether it was added."""
        with self._store.transaction(tenant) as t:
            added = t.add_change(change)
            return (change if added else t.change(change.id) or change), added

    # -- assessment ---------------------------------------------------------------------------------------------

    def pulse(self, tenant: str) -> int:
        """Assesses what has come in and what time has brought, turn after turn until the pulse has ended; returns the
        number of verdicts that changed."""
        while self.turn(tenant):
            pass
        return self._changed.get(tenant, 0)

    def turn(self, tenant: str) -> bool:
        """A bounded piece of the tenant's pulse, or the first piece of its next one; whether the pulse has more to do.
        Where it fails, the next turn begins another pulse."""
        under_way = self._under_way.pop(tenant, None)
        if under_way is None:
            current = self.in_force(tenant)
            if current is None:
                return False
            self._changed[tenant] = 0
            self._stating.run(tenant, current)
            under_way = self._pulse.run(tenant, current, self._managed_since(tenant))
        try:
            next(under_way)
        except StopIteration as end:
            self._changed[tenant] = end.value
            return False
        self._under_way[tenant] = under_way
        return True

    def behind(self, tenant: str) -> int:
        """See `Pulse.behind`."""
        return self._pulse.behind(tenant)

    def verdicts(self, tenant: str, where: VerdictFilter, known_at: int | None = None) -> Sequence[Verdict]:
        """The newest version of each verdict as it was known at `known_at` (microseconds UTC); None: as it is now."""
        if known_at is not None:
            return self._as_known.verdicts(tenant, where, known_at)
        with self._store.transaction(tenant, writing=False) as t:
            return t.verdicts(where)

    def verdict_versions(
        self, tenant: str, key: tuple[str, str, str, int], known_at: int | None = None
    ) -> Sequence[Version]:
        """Every version of a verdict that was known at `known_at`, oldest first; None: that is known now."""
        if known_at is not None:
            return self._as_known.versions(tenant, key, known_at)
        with self._store.transaction(tenant, writing=False) as t:
            return t.verdict_versions(key)

    def claim_credit(
        self,
        tenant: str,
        key: tuple[str, str, str, int],
        by: str,
        via: Via,
        comment: str = "",
        exception: str | None = None,
    ) -> claiming.Taken | Refused:
        """Claims what a verdict earns, now. One that is late stands only with an operator's `exception`: the reason."""
        assert exception is None or via == "operator", "no customer makes an exception"
        now = self._clock.now()
        return settled(self._store, tenant, lambda t: claiming.claim(t, key, now, by, via, comment, exception))

    # -- planned maintenance ------------------------------------------------------------------------------------

    def plan_maintenance(self, tenant: str, maintenance: Maintenance) -> Sequence[Notice]:
        """Takes in a planned work and puts its announcements on the agenda; returns them. The same work again
        changes nothing."""
        with self._store.transaction(tenant) as t:
            return announcing.plan(t, maintenance, *self._announcing(t, tenant))

    def plan_maintenances(self, tenant: str, works: Sequence[Maintenance]) -> None:
        """Takes in several works, all of them or none. Raises Differs where one of them is planned otherwise."""

        def take(t: Transaction) -> None:
            for work in works:
                known = t.maintenance(work.id)
                if known is not None and not is_same_plan(known, work):
                    raise Differs(work.id, known.state)
                announcing.plan(t, work, *self._announcing(t, tenant))

        settled(self._store, tenant, take)

    def preview_maintenance(self, tenant: str, maintenance: Maintenance, wanted: Wanted | None = None) -> Preview:
        """What a work would do if it was planned now, and where a better window is, as `wanted`; nothing is kept."""
        with self._store.transaction(tenant, writing=False) as t:
            current, topology = self._portfolios.newest(t, tenant), self._ground(t, tenant)[1]
            return foreseeing.preview(t, maintenance, current, topology, self._clock.now(), wanted)

    def other_windows(self, tenant: str, asked: objecting.Asked) -> Sequence[Window]:
        """When else an announced work could be done, by what is known of its agreement and once an answer to that wish
        can be expected; the best first."""
        now, work = self._clock.now(), asked.work
        with self._store.transaction(tenant, writing=False) as t:
            current, topology = self._portfolios.newest(t, tenant), self._ground(t, tenant)[1]
            if current is None or asked.agreement is None:
                return ()
            earliest = now + objecting.answer_within(asked.agreement)
            wanted = Wanted(work.end - work.start, earliest, max(work.end, earliest) + objecting.AHEAD)
            return foreseeing.alternatives(t, work, current, topology, now, wanted, asked.agreement.id)

    def asked_of_work(self, tenant: str, notice_id: str) -> objecting.Asked | None:
        """What an announcement asks of its contact, and how that stands; None where it is none to a customer."""
        with self._store.transaction(tenant, writing=False) as t:
            return objecting.look(t, notice_id, *self._ground(t, tenant), self._clock.now())

    def object_to_work(self, tenant: str, notice_id: str, wish: Window | None, reason: str) -> Objection:
        """Takes in what the contact of an announcement says against the window. Raises KeyError where it is no
        announcement to a customer, and `objecting.Refused`."""

        def take(t: Transaction) -> Objection:
            now = self._clock.now()
            asked = objecting.look(t, notice_id, *self._ground(t, tenant), now, changing=True)
            if asked is None:
                raise KeyError(notice_id)
            return objecting.object_to(t, asked, wish, reason, now)

        return settled(self._store, tenant, take)

    def answer_objection(self, tenant: str, objection_id: str, window: Window | None, words: str, by: str) -> Objection:
        """Agrees to move the work to a window, or declines (None) with words; whoever objected is told. Raises KeyError
        and `objecting.Refused`."""

        def take(t: Transaction) -> Objection:
            objection = t.objection(objection_id, changing=True)
            if objection is None:
                raise KeyError(objection_id)
            if window is None:
                ground, now = self._ground(t, tenant), self._clock.now()
                return objecting.decline(t, objection, words, by, *ground, now)
            return objecting.agree(t, objection, window, words, by, *self._announcing(t, tenant))

        return settled(self._store, tenant, take)

    def tell_objections(self, tenant: str, maintenance_id: str) -> None:
        """Tells the provider of what was said against a work and was gathered."""
        with self._store.transaction(tenant) as t:
            objecting.tell(t, maintenance_id, self._ground(t, tenant)[0], self._clock.now())

    def cancel_maintenance(self, tenant: str, maintenance_id: str) -> Sequence[Notice]:
        """Cancels a work: who had been told is told, and what it had excluded counts again. Raises KeyError."""
        with self._store.transaction(tenant) as t:
            return announcing.cancel(t, maintenance_id, self._ground(t, tenant)[0], self._clock.now())

    def change_maintenance(self, tenant: str, wanted: Maintenance) -> Sequence[Notice]:
        """Changes a planned work, and tells whom that concerns; returns the notices. Raises KeyError, and ValueError
        where it was cancelled."""
        with self._store.transaction(tenant) as t:
            return announcing.change(t, wanted, *self._announcing(t, tenant))

    def say_of_maintenance(self, tenant: str, maintenance_id: str, turn: work_life.Turn, at: int) -> Sequence[Notice]:
        """Takes in that a work has started, is over, or runs over, since `at`; returns the notices that tell so. Raises
        KeyError, and `work_life.OutOfTurn` where it cannot be."""
        with self._store.transaction(tenant) as t:
            return work_life.say(t, maintenance_id, turn, at, *self._ground(t, tenant), self._clock.now())

    def follow_maintenance(self, tenant: str, maintenance_id: str, turn: work_life.Turn, sequence: int) -> None:
        """Lets a work start, or be over, by the clock, unless somebody has said otherwise."""
        with self._store.transaction(tenant) as t:
            now = self._clock.now()
            work_life.by_the_clock(t, maintenance_id, turn, sequence, *self._ground(t, tenant), now)

    def judge_maintenance(self, tenant: str, maintenance_id: str, agreement: str | None = None) -> None:
        """Decides for each agreement, or for one, what the announcements that were sent have earned."""
        with self._store.transaction(tenant) as t:
            announcing.judge(t, maintenance_id, *self._ground(t, tenant), self._clock.now(), agreement)

    def remind_of_maintenance(self, tenant: str, maintenance_id: str, agreement: str, sequence: int) -> None:
        """Reminds those whom an agreement names of a work that is coming, unless it was changed since that sequence."""
        with self._store.transaction(tenant) as t:
            announcing.remind(t, maintenance_id, agreement, sequence, *self._ground(t, tenant), self._clock.now())

    def take_notice(
        self, tenant: str, received: Received, read: Sequence[WorkNotice] | str, approval: intake.Approval
    ) -> Sequence[NoticedWindow]:
        """Takes in what was read of a provider's notice of work, or why nothing was. The same again changes nothing."""

        def take(t: Transaction) -> Sequence[NoticedWindow]:
            ground = intake.Ground(*self._ground(t, tenant), self._work_link(tenant))
            return intake.take(t, received, read, ground, approval, self._clock.now())

        return settled(self._store, tenant, take)

    def answer_notice(
        self, tenant: str, window_id: str, said: intake.Answer, by: str
    ) -> Literal["taken", "too_late", "unknown"]:
        """What a person says of a notice that waits. Raises Unanswerable."""

        def tell(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            ground = intake.Ground(*self._ground(t, tenant), self._work_link(tenant))
            return intake.answer(t, window_id, said, ground, by, self._clock.now())

        return settled(self._store, tenant, tell)

    # -- cases --------------------------------------------------------------------------------------------------

    def answer(
        self,
        tenant: str,
        case_id: str,
        asked: int,
        contact: str,
        solved: bool,
        comment: str,
        score: int | None = None,
        via: AnswerVia = "link",
        taken_by: str | None = None,
    ) -> answering.Taken | Literal["unknown"]:
        """The answer of one of the customer's contacts to round `asked` of the question whether the problem is solved,
        and how satisfied they are, from 1 to 5. `taken_by` has put it down for them."""
        said = Answer(asked, contact, solved, comment, score, via, taken_by)

        def take(t: Transaction) -> answering.Taken | Literal["unknown"]:
            case = t.case(case_id)
            return "unknown" if case is None else self._answer(t, tenant, case, said)

        return settled(self._store, tenant, take)

    def answer_together(
        self,
        tenant: str,
        asked: Sequence[tuple[Case, int]],
        contact: str,
        solved: bool,
        comment: str,
        score: int | None = None,
    ) -> None:
        """As `answer`, of several cases of one customer and problem, each with the round of its question: a no is
        escalated once."""
        told = answers(asked, Answer(0, contact, solved, comment, score), self._clock.now())
        for first in range(0, len(told), TOLD_TOGETHER):
            some = told[first : first + TOLD_TOGETHER]
            settled(self._store, tenant, partial(self._answer_each, tenant=tenant, told=some))

    def _answer_each(self, t: Transaction, tenant: str, told: Sequence[tuple[str, Answer]]) -> None:
        for case_id, said in told:
            case = t.case(case_id)
            if case is not None:
                self._answer(t, tenant, case, said)

    def _answer(self, t: Transaction, tenant: str, case: Case, said: Answer) -> answering.Taken:
        current, now = self._portfolios.newest(t, tenant), self._clock.now()
        return answering.take(t, case, said, current, now, lambda one, command: self._give(t, tenant, one, command))

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

        return settled(self._store, tenant, give)

    def resolve(self, tenant: str, case_id: str, said: Resolve) -> Literal["taken", "too_late", "unknown"]:
        """A person says what a case was. It is what its problem was too, where nobody has said that yet."""

        def put_down(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            case = t.case(case_id)
            if case is None:
                return "unknown"
            if not self._give(t, tenant, case, said):
                return "too_late"
            problem = resolving.problem_of(t, case, changing=True)
            if problem is not None and not problem.resolution:
                resolving.put_down(t, problem, said, self._clock.now())
            return "taken"

        return settled(self._store, tenant, put_down)

    def resolve_problem(self, tenant: str, problem_id: str, said: Resolve) -> Literal["taken", "too_late", "unknown"]:
        """A person says what a problem was, and with it each of its cases of which nothing else was said; `too_late`
        where it was merged into another."""

        def put_down(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            problem = t.problem(problem_id, changing=True)
            if problem is None:
                return "unknown"
            if problem.merged_into is not None:
                return "too_late"
            resolving.put_down(t, problem, said, self._clock.now())
            return "taken"

        return settled(self._store, tenant, put_down)

    def pass_on_resolution(self, tenant: str, problem_id: str) -> None:
        """Gives the cases of a problem what it was."""
        with self._store.transaction(tenant, writing=False) as t:
            told = list(resolving.to_pass_on(t, problem_id))
        for first in range(0, len(told), TOLD_TOGETHER):
            some = told[first : first + TOLD_TOGETHER]
            settled(self._store, tenant, partial(self._give_each, tenant=tenant, told=some))

    def _give_each(self, t: Transaction, tenant: str, told: Sequence[tuple[str, Command]]) -> None:
        for case_id, command in told:
            case = t.case(case_id)
            if case is not None:
                self._give(t, tenant, case, command)

    def remind_of_resolution(self, tenant: str, entry: AgendaEntry) -> None:
        """Reminds of what is still to be put down, and ends its entry of the agenda."""
        with self._store.transaction(tenant) as t:
            resolving.remind(t, entry, self._portfolios.newest(t, tenant), self._clock.now())

    def run_clock(self, tenant: str, entry: AgendaEntry) -> None:
        """A promise comes close to its deadline, or has reached it: its case says so, unless it was kept. Ends the
        entry of the agenda."""
        of, now = entry.data, self._clock.now()

        def run(t: Transaction) -> None:
            t.finish(entry.id)
            case, what = t.case(of["case"]), of.get("what")
            if case is None or (what is not None and not owed.waits(t, case, what, of["since"], of["due"])):
                return
            missed = of["missed"] or (of["clock"] != "fixed" and now >= of["due"])
            self._give(t, tenant, case, ClockRuns(of["since"], of["due"], missed, of["clock"], what))
            if what is not None and not missed:
                t.schedule(AgendaEntry(f"{entry.id}-missed", entry.kind, of["due"], {**of, "missed": True}))

        settled(self._store, tenant, run)

    def _give(self, t: Transaction, tenant: str, case: Case, command: Command, arrived: int | None = None) -> bool:
        """Decides, and commits the events with all that follows from them. `arrived` is from when on the measurements
        gave reason to (see `arrivals`), None where they did not. False where nothing happened."""
        with self._recorder.span("decide", tenant=tenant, case=case.id, command=type(command).__name__):
            return self._decide(t, tenant, case, command, arrived)

    def _decide(self, t: Transaction, tenant: str, case: Case, command: Command, arrived: int | None) -> bool:
        current, now = self._portfolios.newest(t, tenant), self._clock.now()
        after, events = decide(_with_figures_of_now(t, case), command, now)
        if not events:
            return False
        t.save_case(after, events)
        t.add_outgoing(of_case(after, events))
        parties = current.parties(case.agreement, now) if current is not None else None
        resolving.follow(t, case, after, parties, now, lambda of, said: self._give(t, tenant, of, said))
        if parties is None:
            log.warning("no agreement in force for the case: nobody is told", tenant=tenant, case=case.id)
            return True
        follows = reaction(after, events, parties, self._question_link(tenant), arrived)
        t.owe(follows.owed)
        for notice in follows.notices:
            t.save_notice(notice)
        playbooks = self._books.newest(t, tenant)
        follows.entries += stepping.begin(t, playbooks, after, events, parties, self._around(t, tenant, current))
        carried = self._recorder.carried()
        origin = ({} if arrived is None else {ARRIVED: arrived}) | ({TRACE: dict(carried)} if carried else {})
        for entry in follows.entries:
            t.schedule(replace(entry, data={**entry.data, **origin}))
        return True

    def tell_owed(self, tenant: str, problem_id: str) -> bool:
        """Tells some of those whom a problem hits what is owed to them; whether more are left."""
        with self._store.transaction(tenant) as t:
            current = self._portfolios.newest(t, tenant)
            links = self._question_link(tenant), self._problem_link(tenant)
            return owed.tell(t, problem_id, current, self._clock.now(), *links)

    def update_problem(self, tenant: str, problem_id: str, text: str, by: str) -> int | None:
        """Puts on the agenda that those whom a problem hits are told how far it is; of how many cases. None where there
        is no such problem."""
        now = self._clock.now()
        with self._store.transaction(tenant) as t:
            if t.problem(problem_id) is None:
                return None
            count = len(to_update(t, problem_id, now))
            if count:
                data = {"problem": problem_id, "text": text, "by": by, "at": now}
                t.schedule(AgendaEntry(f"{UPDATE_PROBLEM}/{problem_id}/{now}", UPDATE_PROBLEM, now, data))
        return count

    def update_some(self, tenant: str, problem_id: str, update: Update, at: int) -> bool:
        """Gives the words about a problem, put down at `at`, to some of its cases of which nothing was told since;
        whether more are left."""
        with self._store.transaction(tenant, writing=False) as t:
            waiting = to_update(t, problem_id, at)
        for case in waiting[: updating.AT_ONCE]:
            self.command(tenant, case.id, replace(update, since=informed_at(case)))
        return len(waiting) > updating.AT_ONCE

    def sum_up(self, tenant: str, entry: AgendaEntry) -> None:
        """Records a summary that is due, and ends its entry of the agenda."""
        with self._store.transaction(tenant) as t:
            summing_up.sum_up(t, entry, self._portfolios.newest(t, tenant), self._clock.now())

    def tell_news(self, tenant: str) -> int:
        """Tells what verdicts have come to, where that was gathered long enough; how many news it looked at."""
        with self._store.transaction(tenant) as t:
            current = self._portfolios.newest(t, tenant)
            return correcting.tell(t, current, self._clock.now(), self._claim_link(tenant))

    def outlook(self, tenant: str, case: Case) -> AnyOutlook | None:
        """What is to be expected of the promise that an open case is about; None where it has ended, or is not
        promised any more."""
        with self._store.transaction(tenant, writing=False) as t:
            current = self._portfolios.newest(t, tenant)
            return expecting.foreseen(t, self._measurements, tenant, current, case)

    def related_to(self, tenant: str, case: Case) -> related.Related:
        """Ended cases like a case and what solved them, and what is open of the services that it concerns."""
        with self._store.transaction(tenant, writing=False) as t:
            current = self._portfolios.newest(t, tenant)
            topology, members = self._ground(t, tenant)[1], () if current is None else current.members(case)
            return related.related(t, case, members, topology)

    def examine(self, tenant: str, start: int, end: int) -> None:
        """Examines cases that were opened in [start, end) by what was measured around them."""
        with self._store.transaction(tenant, writing=False) as t:
            current, cases = self._portfolios.newest(t, tenant), examining.to_examine(t, start, end)
            if current is None or not cases:
                return
            found = self._examined(t, tenant, current, cases)
        for case in cases:
            if case.id in found:
                self.take_findings(tenant, case, found[case.id])

    def take_findings(self, tenant: str, case: Case, found: dict[str, Any]) -> Literal["taken", "too_late", "unknown"]:
        """What was found of a case as it was; it stands for its problem."""

        def take(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            known = t.case(case.id)
            if known is None:
                return "unknown"
            if not self._give(t, tenant, known, Examined(found)):
                return "too_late"
            note_examined(t, known, found, self._clock.now())
            return "taken"

        return settled(self._store, tenant, take)

    def examine_again(self, tenant: str, case_id: str) -> Literal["taken", "too_late", "unknown"]:
        """Examines an open case by what was measured by now."""
        with self._store.transaction(tenant, writing=False) as t:
            current, case = self._portfolios.newest(t, tenant), t.case(case_id)
            if case is None:
                return "unknown"
            if current is None or case.state in ENDED_STATES:
                return "too_late"
            found = self._examined(t, tenant, current, [case])
        return self.take_findings(tenant, case, found.get(case_id, {}))

    def _examined(
        self, t: Transaction, tenant: str, current: InForce, cases: Sequence[Case]
    ) -> dict[str, dict[str, Any]]:
        return examining.examine(t, self._measurements, tenant, current, cases, self._delay, self._clock.now())

    def performance(self, tenant: str, start: int, end: int) -> Performance:
        """How well the promises of handling were kept: of the cases opened, and the notices recorded, in [start, end)
        (microseconds UTC)."""
        now = self._clock.now()
        with self._store.transaction(tenant, writing=False) as t:
            current = self._portfolios.newest(t, tenant)
            cases, told = t.cases_opened(start, end), t.notices_kept(start, end, now)
            resolved = t.resolutions_kept(start, end, now)

        def agreement_of(case: Case) -> Agreement | None:
            parties = None if current is None else current.parties(case.agreement, case.opened_at)
            return None if parties is None else parties.agreement

        return performance(cases, told, resolved, agreement_of, now)

    def incident_report(self, tenant: str, case_id: str) -> str | None:
        """The draft of a post-incident report, as Markdown; None where there is no such case."""
        with self._store.transaction(tenant, writing=False) as t:
            case, current = t.case(case_id), self._portfolios.newest(t, tenant)
            if case is None:
                return None
            parties = None if current is None else current.parties(case.agreement, case.opened_at)
            story = _verdicts_of(t, case), t.events(case_id), t.notices_of(case), t.actions(case_id)
        agreement, customer = (None, None) if parties is None else (parties.agreement, parties.customer)
        earlier = [past.earlier for past in self.related_to(tenant, case).earlier]
        return incident.report(case, *story, agreement, customer, earlier, self._clock.now())

    # -- steps --------------------------------------------------------------------------------------------------

    def adopt_playbooks(self, tenant: str, source: str, applied_by: str | None = None) -> int:
        """Puts playbooks (their YAML text, which can be read) in force, in place of those before, and returns the
        version; the same text again is the same version. What has begun goes on as it was."""

        def adopt(t: Transaction) -> int:
            newest = t.playbooks()
            if newest is not None and newest[1] == source:
                return newest[0]
            return t.save_playbooks(source, self._clock.now(), applied_by)

        return settled(self._store, tenant, adopt)

    def change_step(
        self, tenant: str, action_id: str, verb: Verb, by: str, reason: str = "", reference: str | None = None
    ) -> Literal["taken", "too_late", "unknown"]:
        """What a person, or an automation, says of a step; `too_late` where that cannot be said of it as it is."""

        def say(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            action = t.action(action_id)
            if action is None:
                return "unknown"
            around, now = self._around(t, tenant), self._clock.now()
            said = stepping.change(t, action, verb, by, reason, reference, around, now)
            if said is None:
                return "too_late"
            self._schedule(t, said[1])
            self._tell_case(t, tenant, action, said[0])
            return "taken"

        return settled(self._store, tenant, say)

    def prepare_step(self, tenant: str, action: Action) -> Action:
        """A step that is about to be taken after a wait: what it says is recorded anew, and its case raised to its
        level."""

        def prepare(t: Transaction) -> Action:
            case, level = t.case(action.plan["case"]), action.plan["level"]
            if case is not None and level is not None:
                self._give(t, tenant, case, Escalate(level, action.playbook))
            return stepping.prepared(t, action, self._around(t, tenant))

        return settled(self._store, tenant, prepare)

    def record_step(self, tenant: str, entry_id: str, action: Action, command: Command) -> None:
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
            self._schedule(t, stepping.end(t, action, self._around(t, tenant), now))
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
            self._schedule(t, stepping.end(t, after, self._around(t, tenant), now))
            self._tell_case(t, tenant, after, StepChanged("step_overdue", after.id, after.kind, reason=reason))

        settled(self._store, tenant, find)

    def _around(self, t: Transaction, tenant: str, current: InForce | None = None) -> stepping.Around:
        current = current or self._portfolios.newest(t, tenant)

        def customers_over(resource: str) -> Sequence[str]:
            topology = self._ground(t, tenant)[1]
            return topology.customers(topology.at(self._clock.now()).carried(resource))

        return stepping.Around(current, customers_over)

    def _tell_case(self, t: Transaction, tenant: str, action: Action, command: Command) -> None:
        case = t.case(action.case_id)
        if case is not None:
            self._give(t, tenant, case, command)

    def _schedule(self, t: Transaction, entries: Sequence[AgendaEntry]) -> None:
        carried = self._recorder.carried()
        for entry in entries:
            t.schedule(replace(entry, data={**entry.data, **({TRACE: dict(carried)} if carried else {})}))

    # -- keeping -------------------------------------------------------------------------------------------------

    def ready(self) -> None:
        """Raises where the process cannot work."""
        self._store.ping()

    def in_force(self, tenant: str) -> InForce | None:
        """The tenant's portfolio in force, with what is derived from it; None before the first."""
        with self._store.transaction(tenant, writing=False) as t:
            return self._portfolios.newest(t, tenant)

    def _managed_since(self, tenant: str) -> int:
        """When the tenant's first portfolio came into force: what was over before then opens no case."""
        if tenant not in self._since:
            self._since[tenant] = int(self._store.setting(f"managed_since/{tenant}", str(self._clock.now())))
        return min(self._since[tenant], self._clock.now())  # the clock may have been ahead when it was kept


def _with_figures_of_now(t: Transaction, case: Case) -> Case:
    """The case with the figures that its verdict has come to since it was last told of. A rolling window has moved
    on, and its case keeps what was told; one that is about to be opened has them."""
    if ROLLING in case.periods or case.seq == 0:
        return case
    period_start = parse_instant(case.verdict["period_start"])
    newest = t.verdict((case.agreement, case.objective, case.service, period_start))
    return case if newest is None else replace(case, verdict=case_document(newest))


def _verdicts_of(t: Transaction, case: Case) -> Sequence[dict[str, Any]]:
    """What the periods that a case is about have come to, the earliest first; a rolling window, and what is kept no
    more, as the case was told of it."""
    keys = [(case.agreement, case.objective, case.service, parse_instant(p)) for p in case.periods if p != ROLLING]
    newest = t.newest(keys)
    found = {case.verdict["period_start"]: dict(case.verdict)}
    found |= {format_instant(key[3]): case_document(newest[key]) for key in keys if key in newest}
    return [found[start] for start in sorted(found)]
