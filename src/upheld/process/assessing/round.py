"""A pulse of one tenant: how it runs, what it holds, what it has not kept yet."""

from collections.abc import Set
from dataclasses import dataclass, field

from upheld.agreements.units import HOUR, MINUTE, SECOND
from upheld.analysis.fallen_silent import FallenSilent
from upheld.analysis.findings import Scene
from upheld.assessment.verdict import Verdict
from upheld.ports import Assessment, LogFloor
from upheld.process.assessing.assessor import Assessor
from upheld.process.assessing.in_force import InForce

Key = tuple[str, str, str, int]


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
    """One pulse of one tenant: how it runs, what is in force, what assesses it, what is not kept yet; of what the
    assessment was made, and the one before it (None before the first); how all services were when it opened its first
    case, whether there was any alarm then, and what was heard of all series when it opened the first for a silence; and
    which promises had an open case when it began to keep."""

    tenant: str
    rules: Rules
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


def due(pulse: Round, verdict: Verdict) -> int | None:
    """From when on the verdict could have been there; None where no measurement made it what it is."""
    term, arrivals = pulse.current.term(verdict), pulse.assessor.arrivals
    if term is None or arrivals is None or term.indicator.kind == "duration":
        return None
    period = verdict.period_start, verdict.period_end
    return arrivals.due(term.series, term.indicator.slot, period, pulse.made.as_of, pulse.rules.delay)
