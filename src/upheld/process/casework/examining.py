"""Cases examined by what was measured: their likely causes ranked by the series around them, and whether the
measurements that they rest on look sound.

It happens a little after they open, for all of some seconds together: the log is read once for them, no case has to
wait for that, and of the cases of a problem only the first is examined, for the others would show the same. What is
read is bounded in time and in series. Instants in microseconds UTC.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from upheld.agreements.terms import Term
from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_instant
from upheld.analysis.alarms import Alarm
from upheld.analysis.causes import Candidate, in_words, rank_causes
from upheld.analysis.clues import is_place, supported
from upheld.analysis.findings import LOOK_BACK
from upheld.analysis.movement import HARMFUL, Course, Movement, Node, course_of, movement_of
from upheld.analysis.series import NOTHING, Grid, Measured, Series, kind_of, measured, node_of
from upheld.analysis.soundness import Peer, soundness
from upheld.analysis.topology import Standing
from upheld.cases.model import ENDED_STATES, Case
from upheld.ports import MeasurementLog, Transaction
from upheld.process.assessing.in_force import InForce

AT_ONCE = 20
"""Cases that are examined together at most."""
LONGEST, SHORTEST = 2 * HOUR, 20 * MINUTE
"""How far back from a case measurements are looked at; the more series there are, the shorter."""
ROWS = 300_000
"""About how many rows of the log are read for cases at most: of a slot each."""
BAD_FOR = HOUR
"""What was bad for longer when a case opened is looked at from so long before."""
QUIET = 8
"""The part of the time looked at that belongs to a case, though it had not begun: one of so many."""
CAUSES, WITNESSES, PEERS = 10, 20, 60
"""Candidates of a case that are ranked by series, services over each that are asked, and unrelated services."""
ALARMS = 50
"""Alarms about a case's candidates that are read at most, raised last first."""
SAID = 3
"""Witnesses of a cause that its reasons tell of."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """A case with the promise that it is about, what runs over what, the services whose series speak for or against
    each candidate, and services that share nothing with it."""

    case: Case
    term: Term
    standing: Standing
    grid: Grid
    candidates: Mapping[str, Sequence[str]]
    peers: Sequence[str]


def to_examine(t: Transaction, start: int, end: int) -> list[Case]:
    """Of the open cases that were opened in [start, end), those to be examined: the first of each problem of which none
    was yet, and those of no problem."""
    found: dict[str, Case] = {}
    for case in reversed(t.cases_opened(start, end)):
        if case.state not in ENDED_STATES:
            found.setdefault(case.problem or case.id, case)
    problems = [t.problem(name) for name in {case.problem for case in found.values()} if name is not None]
    for problem in problems:
        if problem is not None and problem.examined is not None:
            del found[problem.id]
    # Where there are too many, one that stands for others comes before one that stands for itself.
    chosen = sorted(found.values(), key=lambda case: case.problem is None)
    whole = (t.case(case.id) for case in chosen[:AT_ONCE])
    return [case for case in whole if case is not None]


def shared_findings(t: Transaction, case: Case) -> dict[str, Any] | None:
    """What was found of the case that was examined for its whole problem (`case`): its `measurements` and its
    `cause_candidates`. None where there is none, or this case was examined itself."""
    problem = None if case.problem is None else t.problem(case.problem)
    if problem is None or problem.examined is None or "measurements" in case.findings:
        return None
    examined = t.case(problem.examined)
    if examined is None:
        return None
    found = {name: examined.findings.get(name) for name in ("measurements", "cause_candidates")}
    return {"case": examined.id, "service": examined.service, **found}


def examine(
    t: Transaction, log: MeasurementLog, tenant: str, current: InForce, cases: Sequence[Case], patience: int, now: int
) -> dict[str, dict[str, Any]]:
    """What is found of each case, by its id, as findings to be put in the place of what they have: `measurements` (see
    `soundness`) and `cause_candidates`, where series say more of them than how many services were bad. A slot has its
    measurements `patience` after its end."""
    subjects = [subject for case in cases if (subject := _subject(current, case, now)) is not None]
    if not subjects:
        return {}
    terms = _terms(current, subjects)
    series = {one for some in terms.values() for term in some for one in term.series}
    start, end = min(s.grid.start for s in subjects), max(s.grid.end for s in subjects)
    rows = measured(log.delivered(tenant, series, start, end))
    senders = t.senders()
    found: dict[str, dict[str, Any]] = {}
    for subject in subjects:
        nodes = _nodes(subject, terms, rows)
        own = [rows.get(one, NOTHING) for one in subject.term.series]
        slot, course = subject.term.indicator.slot, _course(subject, nodes)
        until = min(subject.grid.end, (now - patience) // slot * slot)
        peers = list(_peers(subject, nodes, rows, course))
        sound = soundness(own, subject.grid, slot, until, patience, senders, peers)
        alarms = t.alarms_about(subject.candidates.keys(), subject.case.opened_at - LOOK_BACK, ALARMS)
        ranked = _ranked(subject, nodes, course, alarms)
        found[subject.case.id] = {"measurements": sound, **({"cause_candidates": ranked} if ranked else {})}
    return found


# -- what is looked at --------------------------------------------------------------------------------------------


def _subject(current: InForce, case: Case, now: int) -> _Subject | None:
    """None where the promise is gone, or is about events, of which there are no series."""
    terms = current.terms.get((case.agreement, case.objective, case.service), ())
    at = case.opened_at
    term = next((t for t in terms if t.valid_from <= at and (t.valid_to is None or at < t.valid_to)), None)
    if term is None or term.indicator.kind == "duration":
        return None
    standing = current.topology.at(at)
    candidates = [c for c in case.findings.get("cause_candidates", ()) if is_place(c)][:CAUSES]
    witnesses = {c["resource"]: _witnesses(standing, c["resource"], c.get("bad", ())) for c in candidates}
    own = standing.concerned(term.services)
    return _Subject(case, term, standing, _grid(current, case, term, now), witnesses, _unrelated(current, case, own))


def _grid(current: InForce, case: Case, term: Term, now: int) -> Grid:
    """What was measured before the case and, from a little before it began, up to now."""
    step = max(term.indicator.slot, MINUTE)
    back = min(LONGEST, max(SHORTEST, ROWS // max(1, len(current.series)) * term.indicator.slot))
    since = max(_bad_since(case), case.opened_at - BAD_FOR)
    case_start = (since - back // QUIET) // step * step
    normal = (back - back // QUIET) // step
    until = min(now, case.opened_at + BAD_FOR)
    return Grid(case_start - normal * step, step, normal, max(1, -(-(until - case_start) // step)))


def _bad_since(case: Case) -> int:
    """From when on it was bad, or silent, when the case opened."""
    if "silence" in case.findings:
        return parse_instant(case.findings["silence"]["since"])
    bad = [e["start"] for e in case.verdict.get("evidence", ()) if e["kind"] == "bad"]
    return min(parse_instant(bad[-1]), case.opened_at) if bad else case.opened_at


def _witnesses(standing: Standing, resource: str, bad: Collection[str]) -> list[str]:
    """The services over a resource that are asked: of those that were bad, and of the others, some of each."""
    carried = sorted(standing.carried(resource))
    return list(dict.fromkeys([*_spread([s for s in carried if s in set(bad)]), *_spread(carried)]))


def _spread(names: Sequence[str], most: int = WITNESSES // 2) -> list[str]:
    """Up to so many of them, from the first to the last."""
    step = max(1, -(-len(names) // most))
    return list(names[::step])


def _unrelated(current: InForce, case: Case, own: frozenset[str]) -> list[str]:
    """Measured services that by the topology have nothing in common with the case's: those that were bad with it, and
    some of all."""
    standing = current.topology.at(case.opened_at)
    services = sorted({service for service, _ in current.series})
    asked = dict.fromkeys([*case.findings.get("affected", ()), *_spread(services, PEERS)])
    return [name for name in asked if name not in own and own.isdisjoint(standing.concerned([name]))][:PEERS]


def _terms(current: InForce, subjects: Sequence[_Subject]) -> dict[str, list[Term]]:
    """The promises that read series of each service that is looked at, those of the cases first."""
    wanted = {
        name for s in subjects for name in (*s.term.services, *s.peers, *chain.from_iterable(s.candidates.values()))
    }
    wanted |= {name for s in subjects for name in s.candidates}
    found: dict[str, list[Term]] = {}
    ours = [s.term for s in subjects]
    for term in [*ours, *(term for term in current.every_term if term.indicator.kind != "duration")]:
        if term.members is None or term in ours:
            for name in wanted.intersection(term.services):
                found.setdefault(name, []).append(term)
    return found


def _nodes(subject: _Subject, terms: Mapping[str, Sequence[Term]], rows: Mapping[Series, Measured]) -> dict[str, Node]:
    """What was measured of each service; of several promises of it that of the case's metric counts first."""
    metric = subject.term.indicator.metric
    found = {}
    for name, some in terms.items():
        ordered = sorted(some, key=lambda term: term.indicator.metric != metric)
        node = node_of(
            [(t, rows[name, t.indicator.metric]) for t in ordered if (name, t.indicator.metric) in rows],
            subject.grid,
        )
        if node:
            found[name] = node
    return found


def _target(subject: _Subject, nodes: Mapping[str, Node]) -> str:
    """The case's service; of a group the first of its services that is known to have been bad."""
    bad = {name for c in subject.case.findings.get("cause_candidates", ()) for name in c.get("bad", ())}
    services = subject.term.services
    return next((s for s in services if s in bad and s in nodes), services[0])


def _course(subject: _Subject, nodes: Mapping[str, Node]) -> Course:
    return course_of(nodes.get(_target(subject, nodes), {}), kind_of(subject.term), subject.grid.case)


# -- what is found ------------------------------------------------------------------------------------------------


def _ranked(
    subject: _Subject, nodes: Mapping[str, Node], course: Course, alarms: Sequence[Alarm]
) -> list[dict[str, Any]]:
    """The case's candidates by what was measured of the services over them, and by the `alarms` about them that are
    there by now; nothing where the case's own service was not measured. What is silent was not bad: its candidates
    stand as they are, and so do those that were done."""
    if subject.case.kind == "no_data":
        return []
    target = _target(subject, nodes)
    known = list(subject.case.findings.get("cause_candidates", ()))
    if target not in nodes or not known:
        return []
    asked = {target, *chain.from_iterable(subject.candidates.values())} & nodes.keys()
    among = subject.standing.concerned(asked)
    calls = {name: {d.on for d in subject.standing.beneath(name)} for name in among}
    grid = subject.grid
    starts = [grid.case_start + n * grid.step for n in range(grid.case)]
    seen = {name: node for name, node in nodes.items() if name in among}
    found = rank_causes(calls, seen, target, kind_of(subject.term), starts=starts, among=list(subject.candidates))
    by_name = {candidate.node: candidate for candidate in found}
    asked_of, rest = [c for c in known if _is_asked(c, by_name)], [c for c in known if not _is_asked(c, by_name)]
    measured_of = [_with_series(c, by_name[c["resource"]], subject, nodes, course) for c in asked_of]
    spoken_for = supported(measured_of, alarms, subject.case.service, _bad_since(subject.case))
    return sorted([*spoken_for, *rest], key=lambda c: -c["score"])


def _is_asked(candidate: Mapping[str, Any], found: Mapping[str, Candidate]) -> bool:
    return is_place(candidate) and candidate["resource"] in found


def _with_series(
    candidate: Mapping[str, Any],
    found: Candidate,
    subject: _Subject,
    nodes: Mapping[str, Node],
    course: Course,
) -> dict[str, Any]:
    """A candidate as it was found by series, without what alarms added to it when the case opened."""
    bad = set(candidate.get("bad", ())) - {_target(subject, nodes)}
    asked = [name for name in subject.candidates[found.node] if name in nodes]
    told = _moved(asked, nodes, course)[:SAID]
    return {
        **{name: value for name, value in candidate.items() if name != "alarms"},
        "score": round(found.score, 3),
        "reasons": [*found.reasons, *(f"{name}: {_told(moved, subject.grid, name in bad)}" for name, moved in told)],
        "series": [_link(name, moved[1].name, subject.grid) for name, moved in told if moved[1].is_known],
    }


def _link(service: str, metric: str, grid: Grid) -> dict[str, str]:
    """Where a series can be read as it was looked at."""
    window = {"start": format_instant(grid.start), "end": format_instant(grid.end)}
    query = urlencode({"service": service, "metric": metric, **window})
    return {"service": service, "metric": metric, "href": f"/v1/measurements/series?{query}"}


def _moved(names: Collection[str], nodes: Mapping[str, Node], course: Course) -> list[tuple[str, tuple[Any, Movement]]]:
    """How each service moved by its worst indicator, the most unusual first."""
    found = [(name, _worst(nodes[name], course)) for name in names]
    return sorted(found, key=lambda one: (-one[1][1].unusual, one[0]))


def _worst(node: Node, course: Course) -> tuple[Any, Movement]:
    moved = [(kind, movement_of(node, kind, course)) for kind in node if kind in HARMFUL]
    return max(moved, key=lambda one: one[1].unusual)


def _told(moved: tuple[Any, Movement], grid: Grid, was_bad: bool) -> str:
    """How a service moved while the case's was bad. `was_bad`: that it was bad too, within ten minutes."""
    kind, movement = moved
    if not movement.is_known:
        return "not measured both before and then"
    if movement.unusual < 0.5:
        at_other_time = "bad too, but not at the same instants: " if was_bad else ""
        better = "got better meanwhile" if movement.deviations < 0 else "did not get worse meanwhile"
        return f"{at_other_time}{better} ({in_words(kind, movement)})"
    since = (
        "" if movement.since is None else f", from {format_instant(grid.case_start + movement.since * grid.step)} on"
    )
    return f"{in_words(kind, movement)}{since}"


def _peers(
    subject: _Subject, nodes: Mapping[str, Node], rows: Mapping[Series, Measured], course: Course
) -> Iterator[Peer]:
    """How unrelated services fared, and by whom they are measured."""
    metrics = {metric for _, metric in rows}
    grid, silent = subject.grid, subject.case.kind == "no_data"
    since = max(_bad_since(subject.case), grid.case_start)
    for name in subject.peers:
        series = [rows[name, metric] for metric in sorted(metrics) if (name, metric) in rows]
        if name not in nodes or not series:
            continue
        is_bad = not any((one.time >= since).any() for one in series)
        if not silent:
            is_bad = _worst(nodes[name], course)[1].unusual >= 0.5
        yield Peer(name, str(series[0].sender[-1]), is_bad)
