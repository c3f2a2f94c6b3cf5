"""A case is given a command: decided, and committed with all that follows from it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from upheld.agreements.units import parse_instant
from upheld.cases.decide import Command, decide
from upheld.cases.model import ROLLING, Case
from upheld.outgoing.happened import of_case
from upheld.ports import Clock, Transaction
from upheld.process.acting import stepping
from upheld.process.assessing.in_force import InForce, Portfolios
from upheld.process.casework import resolving
from upheld.process.telling.reactions import ARRIVED, TRACE, QuestionLink, reaction
from upheld.recorder import Recorder
from upheld.reports.records import case_document

log = structlog.get_logger()


class Decisions:
    """Gives commands to cases, in the transaction of whoever gives them. `question_link(tenant)` signs links to the
    question whether a case is solved."""

    def __init__(
        self,
        portfolios: Portfolios,
        books: stepping.Books,
        clock: Clock,
        question_link: Callable[[str], QuestionLink],
        recorder: Recorder,
    ) -> None:
        self._portfolios, self._books, self._clock = portfolios, books, clock
        self._question_link, self._recorder = question_link, recorder

    def give(self, t: Transaction, tenant: str, case: Case, command: Command, arrived: int | None = None) -> bool:
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
        resolving.follow(t, case, after, parties, now, lambda of, said: self.give(t, tenant, of, said))
        if parties is None:
            log.warning("no agreement in force for the case: nobody is told", tenant=tenant, case=case.id)
            return True
        follows = reaction(after, events, parties, self._question_link(tenant), arrived)
        t.owe(follows.owed)
        for notice in follows.notices:
            t.save_notice(notice)
        playbooks = self._books.newest(t, tenant)
        follows.entries += stepping.begin(t, playbooks, after, events, parties, self.around(t, tenant, current))
        carried = self._recorder.carried()
        origin = ({} if arrived is None else {ARRIVED: arrived}) | ({TRACE: dict(carried)} if carried else {})
        for entry in follows.entries:
            t.schedule(replace(entry, data={**entry.data, **origin}))
        return True

    def around(self, t: Transaction, tenant: str, current: InForce | None = None) -> stepping.Around:
        """What steps are taken within, now."""
        current = current or self._portfolios.newest(t, tenant)

        def customers_over(resource: str) -> Sequence[str]:
            topology = self._portfolios.ground(t, tenant)[1]
            return topology.customers(topology.at(self._clock.now()).carried(resource))

        return stepping.Around(current, customers_over)


def _with_figures_of_now(t: Transaction, case: Case) -> Case:
    """The case with the figures that its verdict has come to since it was last told of. A rolling window has moved
    on, and its case keeps what was told; one that is about to be opened has them."""
    if ROLLING in case.periods or case.seq == 0:
        return case
    period_start = parse_instant(case.verdict["period_start"])
    newest = t.verdict((case.agreement, case.objective, case.service, period_start))
    return case if newest is None else replace(case, verdict=case_document(newest))
