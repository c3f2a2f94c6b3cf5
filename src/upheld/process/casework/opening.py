"""Cases opened: a verdict that has changed, or a series that has fallen silent, is made known to its case, or opens one
with what is found around it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from upheld.agreements.terms import Term
from upheld.agreements.units import format_instant
from upheld.analysis.fallen_silent import FallenSilent, silence_document, silence_findings
from upheld.analysis.findings import LOOK_BACK, NOTHING_FOUND, SAME_TIME, Scene, findings, scene
from upheld.assessment.silence import Silence
from upheld.assessment.verdict import Condition, Verdict
from upheld.assessment.versions import AMENDED, FIRST_ASSESSED, Cause, is_restated
from upheld.cases.decide import Assessed, Command, Join, Open, new_case, period_of
from upheld.cases.model import OPEN_STATES, Case
from upheld.cases.problems import Cause as Shared
from upheld.ports import AlarmFilter, Clock, Transaction
from upheld.process.assessing.round import Round, due
from upheld.process.casework.grouping import Reach, find_problem
from upheld.recorder import Recorder
from upheld.reports.records import case_document

log = structlog.get_logger()
ALARMS_CARRIED = 20
"""Alarms that a case names: the last raised."""
ALARMS_RAISED = 5_000
"""Raised alarms, the last reported, by which it is known what is down."""
Give = Callable[[Transaction, str, Case, Command, int | None], bool]


class Opening:
    """Lets cases know of verdicts, and opens them: `give` gives a case a command within a transaction, and with the
    instant from which on it could have been given (see `arrivals`)."""

    def __init__(self, clock: Clock, give: Give, recorder: Recorder) -> None:
        self._clock, self._give, self._recorder = clock, give, recorder

    def note(self, t: Transaction, pulse: Round, verdict: Verdict, found: Sequence[Cause]) -> None:
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
            self._give(t, pulse.tenant, case, command, due(pulse, verdict))
        elif verdict.period_end > pulse.managed_since and asks_for_case(
            verdict, t.cases_of(*term.key) if known is None else known, pulse.assessor.conditions()[term.key], term
        ):
            self._open(t, pulse, verdict, rolling)

    def open_outside(self, t: Transaction, pulse: Round, verdict: Verdict, bad_until: int) -> None:
        """Opens a case for what a planned work does outside of its announced window, up to `bad_until`, although no
        threshold is crossed by that yet."""
        if asks_for_case_outside(verdict, t.cases_of(*verdict.key[:3]), bad_until):
            pulse.scene = None  # it may be older than the word that the work runs over
            self._open(t, pulse, verdict, False, crossed=False)

    def _open(self, t: Transaction, pulse: Round, verdict: Verdict, rolling: bool, *, crossed: bool = True) -> None:
        now = self._clock.now()
        case_id = case_number(pulse.tenant, verdict, now)
        found = self._findings(t, pulse, verdict, now)
        document = case_document(verdict)
        case = new_case(case_id, document, verdict.period_start, now, rolling=rolling, crossed=crossed)
        problem = self._problem(t, pulse, found, now)
        self._give(t, pulse.tenant, case, Open(document, found, problem), due(pulse, verdict))
        self._recorder.case_opened(pulse.tenant, case.kind)
        log.info("case opened", tenant=pulse.tenant, case=case_id, service=verdict.service, status=verdict.status)

    def open_silence(self, t: Transaction, pulse: Round, verdict: Verdict, silence: Silence) -> None:
        now = self._clock.now()
        found = self._findings(t, pulse, verdict, now, silence)
        document, case_id = case_document(verdict), case_number(pulse.tenant, verdict, now, silent=True)
        case = new_case(case_id, document, verdict.period_start, now, silent=True)
        self._give(t, pulse.tenant, case, Open(document, found, self._problem(t, pulse, found, now, silence)), None)
        self._recorder.case_opened(pulse.tenant, case.kind)
        log.info("case opened", tenant=pulse.tenant, case=case_id, service=verdict.service, status="no_data")

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


def asks_for_case_outside(verdict: Verdict, cases: Sequence[Case], bad_until: int) -> bool:
    """Whether what was bad up to an instant, outside of the announced window of a work, asks for a case of its own: not
    where a threshold is crossed, which is a case anyway, or where one of `cases` deals, or has dealt, with it."""
    known = (case for case in cases if case.kind != "no_data")
    dealt_with = any(case.state in OPEN_STATES or bad_until <= (case.closed_at or 0) for case in known)
    return verdict.status == "met" and not dealt_with


def case_number(tenant: str, verdict: Verdict, opened_at: int, *, silent: bool = False) -> str:
    """A case's id: short enough to be read out on the telephone."""
    name = "\n".join(map(str, (tenant, *verdict.key, opened_at, *(["no_data"] if silent else []))))
    return "C-" + hashlib.sha256(name.encode()).hexdigest()[:10].upper()
