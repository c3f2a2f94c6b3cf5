"""What is found out about a planned work before it is announced. Plain data; instants in microseconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass

from upheld.analysis.better_slot import Candidate, Wanted
from upheld.analysis.foreseen_work import Affected
from upheld.analysis.planned_impact import Frozen, Night, Pair
from upheld.analysis.topology import Impact, Topology
from upheld.maintenance.model import Maintenance


@dataclass(frozen=True, slots=True)
class Preview:
    """What a work would do. `impact` as the topology tells it; `titles` of other planned works by their ids; `as_of` is
    up to when the verdicts are known that it rests on; `agreements` those that it hits, in the order of the portfolio;
    `better` the windows that are proposed instead, as `wanted`, and `asked` its own, judged likewise."""

    work: Maintenance
    topology: Topology
    impact: Impact
    pairs: tuple[Pair, ...]
    titles: Mapping[str, str]
    as_of: int
    now: int
    agreements: tuple[Affected, ...] = ()
    nights: tuple[Night, ...] = ()
    frozen: tuple[Frozen, ...] = ()
    better: tuple[Candidate, ...] = ()
    asked: Candidate | None = None
    wanted: Wanted | None = None
