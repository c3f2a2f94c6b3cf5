"""Cases, one transaction for each thing that is said of them: answered, commanded, examined, resolved; and what can be
read of them."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from upheld.agreements.model import Agreement
from upheld.agreements.units import format_instant, parse_instant
from upheld.analysis.outlook import AnyOutlook
from upheld.cases.answers import Via as AnswerVia
from upheld.cases.decide import Answer, AskAgain, ClockRuns, Command, Examined, Resolve, answers
from upheld.cases.model import ENDED_STATES, ROLLING, Case
from upheld.cases.performance import Performance, performance
from upheld.ports import AgendaEntry, Clock, MeasurementLog, Store, Transaction
from upheld.ports.settling import settled
from upheld.process.assessing import expecting
from upheld.process.assessing.in_force import InForce, Portfolios
from upheld.process.casework import answering, examining, related, resolving
from upheld.process.casework.grouping import note_examined
from upheld.process.deciding import Decisions
from upheld.process.telling import owed
from upheld.reports import incident
from upheld.reports.records import case_document

T = TypeVar("T")
TOLD_TOGETHER = 100
"""Cases that one transaction tells of a customer's answer, or of what their problem was."""


class Cases:
    """The cases of each tenant. `delay` is how long measurements may take to come (microseconds)."""

    def __init__(
        self,
        store: Store,
        measurements: MeasurementLog,
        portfolios: Portfolios,
        clock: Clock,
        decisions: Decisions,
        delay: int,
    ) -> None:
        self._store, self._measurements, self._portfolios, self._clock = store, measurements, portfolios, clock
        self._decisions, self._delay = decisions, delay

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
        after_all: bool = False,
    ) -> answering.Taken | Literal["unknown"]:
        """The answer of one of the customer's contacts to round `asked` of the question whether the problem is solved,
        and how satisfied they are, from 1 to 5. `taken_by` has put it down for them. `after_all`: it is a no of one who
        knows that they have said yes."""
        said = Answer(asked, contact, solved, comment, score, via, taken_by, after_all=after_all)

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
        after_all: Collection[str] = (),
    ) -> None:
        """As `answer`, of several cases of one customer and problem, each with the round of its question: a no is
        escalated once. `after_all` are the ids of those to which that is a no of who has said yes."""
        told = answers(asked, Answer(0, contact, solved, comment, score), self._clock.now(), after_all)
        self._tell_each(tenant, told, self._answer)

    def _answer(self, t: Transaction, tenant: str, case: Case, said: Answer) -> answering.Taken:
        current, now = self._portfolios.newest(t, tenant), self._clock.now()
        return answering.take(
            t, case, said, current, now, lambda one, command: self._decisions.give(t, tenant, one, command)
        )

    def ask_again(self, tenant: str, case_id: str, by: str) -> Literal["taken", "too_late", "unknown"]:
        """The operator says that the case is solved: the customer is asked."""
        return self.command(tenant, case_id, AskAgain(by))

    def command(self, tenant: str, case_id: str, command: Command) -> Literal["taken", "too_late", "unknown"]:
        """Gives a case a command; `too_late` where it changes nothing."""

        def give(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            case = t.case(case_id)
            if case is None:
                return "unknown"
            return "taken" if self._decisions.give(t, tenant, case, command) else "too_late"

        return settled(self._store, tenant, give)

    def resolve(self, tenant: str, case_id: str, said: Resolve) -> Literal["taken", "too_late", "unknown"]:
        """A person says what a case was. It is what its problem was too, where nobody has said that yet."""

        def put_down(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            case = t.case(case_id)
            if case is None:
                return "unknown"
            if not self._decisions.give(t, tenant, case, said):
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
        self._tell_each(tenant, told, self._decisions.give)

    def _tell_each(
        self, tenant: str, told: Sequence[tuple[str, T]], tell: Callable[[Transaction, str, Case, T], object]
    ) -> None:
        """Tells each case, by its id, what is told of it; many in one transaction."""

        def tell_some(t: Transaction, some: Sequence[tuple[str, T]]) -> None:
            for case_id, said in some:
                case = t.case(case_id)
                if case is not None:
                    tell(t, tenant, case, said)

        for first in range(0, len(told), TOLD_TOGETHER):
            settled(self._store, tenant, partial(tell_some, some=told[first : first + TOLD_TOGETHER]))

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
            self._decisions.give(t, tenant, case, ClockRuns(of["since"], of["due"], missed, of["clock"], what))
            if what is not None and not missed:
                t.schedule(AgendaEntry(f"{entry.id}-missed", entry.kind, of["due"], {**of, "missed": True}))

        settled(self._store, tenant, run)

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
            topology, members = self._portfolios.ground(t, tenant)[1], () if current is None else current.members(case)
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
            if not self._decisions.give(t, tenant, known, Examined(found)):
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


def _verdicts_of(t: Transaction, case: Case) -> Sequence[dict[str, Any]]:
    """What the periods that a case is about have come to, the earliest first; a rolling window, and what is kept no
    more, as the case was told of it."""
    keys = [(case.agreement, case.objective, case.service, parse_instant(p)) for p in case.periods if p != ROLLING]
    newest = t.newest(keys)
    found = {case.verdict["period_start"]: dict(case.verdict)}
    found |= {format_instant(key[3]): case_document(newest[key]) for key in keys if key in newest}
    return [found[start] for start in sorted(found)]
