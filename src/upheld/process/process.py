"""Process 1.3.8.2, Manage QoS/SLA Violation, on one page: load -> decide -> commit, with the outbox and the timers.

Measurements are made durable by `take_measurements`; `pulse` assesses what has come in and what time has brought, and
gives each case its commands; `work` performs what is due on the agenda: notices to send, steps to take, timers that
have run out. What is to be performed is committed together with the decision that asks for it, so that a crash at any
instant leaves either both or neither, and the agenda's ids make each effect happen once.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import pyarrow as pa

from upheld.actions.playbook import Playbooks
from upheld.agreements.model import Portfolio
from upheld.analysis.alarms import Report
from upheld.analysis.model import Change
from upheld.analysis.topology import Topology
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version
from upheld.cases.clocks import informed_at
from upheld.cases.decide import Update
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.mapping import Mapping
from upheld.notices.planning import WorkLink
from upheld.outgoing.claims import Refused, Via
from upheld.ports import AgendaEntry, Clock, MeasurementLog, Store, VerdictFilter
from upheld.ports.settling import settled
from upheld.process.acting import claiming, correcting
from upheld.process.acting.stepping import Books
from upheld.process.acting.steps import Steps
from upheld.process.assessing import topologies
from upheld.process.assessing.as_known import AsKnown
from upheld.process.assessing.assessor import measured_since
from upheld.process.assessing.in_force import InForce, Portfolios, agreement_versions
from upheld.process.assessing.pulse import Pulse
from upheld.process.assessing.round import Rules
from upheld.process.assessing.stating import Stating
from upheld.process.casework import alarming
from upheld.process.casework.cases import Cases
from upheld.process.deciding import Decisions
from upheld.process.telling import owed, summing_up, updating
from upheld.process.telling.owed import ProblemLink
from upheld.process.telling.reactions import UPDATE_PROBLEM, QuestionLink
from upheld.process.telling.updating import to_update
from upheld.process.works import announcing
from upheld.process.works.works import Works
from upheld.recorder import Recorder


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
        self._topologies = topologies.Topologies(parse_topology)
        self._portfolios = Portfolios(parse, self._topologies)
        self._as_known = AsKnown(store, measurements, self._portfolios)
        decisions = Decisions(self._portfolios, Books(parse_playbooks), clock, question_link, recorder)
        self.works = Works(store, self._portfolios, clock, work_link)
        self.cases = Cases(store, measurements, self._portfolios, clock, decisions, rules.delay)
        self.steps = Steps(store, clock, decisions, recorder)
        self._pulse = Pulse(store, measurements, clock, rules, decisions.give, recorder)
        self._stating = Stating(
            store, measurements, clock, lambda tenant, rows: self.take_measurements(tenant, rows, "events")
        )
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
            portfolio = self._portfolios.ground(t, tenant)[0]
            version = topologies.adopt(t, topology, now, applied_by)
            own = topologies.over(topology, portfolio)
            announcing.catch_up(t, portfolio, own, now, self._work_link(tenant))
        return version

    def topology(self, tenant: str) -> Topology:
        """The topology in force, joined with the portfolio's resources; an empty one before the first of both."""
        with self._store.transaction(tenant, writing=False) as t:
            return self._portfolios.ground(t, tenant)[1]

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

    # -- cases --------------------------------------------------------------------------------------------------

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
            self.cases.command(tenant, case.id, replace(update, since=informed_at(case)))
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

    # -- steps --------------------------------------------------------------------------------------------------

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
