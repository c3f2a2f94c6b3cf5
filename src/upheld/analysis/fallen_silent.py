"""What has fallen silent together: of the series that one sender delivers, or the services that run over one resource,
how many stopped at about the same time. Pure; instants in microseconds UTC.

Most telling for silence is who delivered what is not measured any more: where a collector dies, all that it delivered
stops at once, whatever that runs over. That a service is silent does not say that it is bad, nor that anything it runs
over is down: badness is looked at apart (`findings`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from upheld.agreements.units import MINUTE, format_instant
from upheld.analysis.alarms import Alarm
from upheld.analysis.findings import NAMED, Scene, around
from upheld.assessment.silence import Heard, Silence

TOGETHER = 10 * MINUTE
"""What fell silent within so much of each other may have one cause."""
RESOURCE, SENDER = "resource", "sender"
Cause = tuple[str, str]
"""(`RESOURCE` or `SENDER`, its name)."""


@dataclass(frozen=True, slots=True)
class _One:
    """A series of a sender, or a service over a resource: since when it is silent, if it is."""

    since: int
    name: str
    service: str
    quiet: bool


@dataclass(frozen=True, slots=True)
class _Delivered:
    """All that one cause would silence: the instants of all, and those that are silent, each sorted."""

    every: Sequence[int]
    quiet: Sequence[_One]
    instants: Sequence[int]

    @staticmethod
    def of(some: Iterable[_One]) -> "_Delivered":
        ordered = sorted(some, key=attrgetter("since", "name"))
        quiet = [one for one in ordered if one.quiet]
        return _Delivered([one.since for one in ordered], quiet, [one.since for one in quiet])

    def known(self, since: int) -> int:
        """How many there still were when the first of those fell silent that may have gone together."""
        return len(self.every) - bisect_left(self.every, since - TOGETHER)

    def together(self, since: int) -> Sequence[_One]:
        first, end = bisect_left(self.instants, since - TOGETHER), bisect_right(self.instants, since + TOGETHER)
        return self.quiet[first:end]


@dataclass(slots=True)
class FallenSilent:
    """What was last heard of all series that are watched, at the instant of a scene: made once for all cases that open
    then."""

    scene: Scene
    heard: Sequence[Heard]
    _senders: dict[str, _Delivered] = field(default_factory=dict)
    _services: dict[str, _One] = field(default_factory=dict)
    _over: dict[str, _Delivered] = field(default_factory=dict)
    _found: dict[tuple[Cause, int], dict[str, Any]] = field(default_factory=dict)
    _customers: dict[tuple[Cause, int], Sequence[str]] = field(default_factory=dict)
    _sender_of: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        delivered: dict[str, list[_One]] = {}
        for one in self.heard:
            if one.sender is not None:
                name = f"{one.service} {one.metric}"
                delivered.setdefault(one.sender, []).append(_One(one.since, name, one.service, one.quiet))
                self._sender_of.setdefault(one.service, set()).add(one.sender)
        self._senders = {name: _Delivered.of(some) for name, some in delivered.items()}
        for service, series in groupby(sorted(self.heard, key=attrgetter("service")), attrgetter("service")):
            together = list(series)
            last = max(one.since for one in together)
            self._services[service] = _One(last, service, service, all(one.quiet for one in together))

    def causes(self, silence: Silence) -> list[dict[str, Any]]:
        """What may have silenced a promise, JSON, the likeliest first: each with its score in [0, 1], the share of
        what it would silence that fell silent together, one voice held back; and its reason."""
        found = (self._cause(cause, silence.since) for cause in self._behind(silence.services))
        return sorted((one for one in found if one["silent_count"]), key=_rank)

    def services(self, cause: Cause, since: int) -> frozenset[str]:
        """The services of all that a cause has silenced within minutes of `since`."""
        return frozenset(one.service for one in self._delivered(cause).together(since))

    def customers(self, cause: Cause, since: int) -> Sequence[str]:
        """The customers of these services, by name."""
        if (cause, since) not in self._customers:
            topology = self.scene.standing.topology
            self._customers[cause, since] = topology.customers(self.services(cause, since))
        return self._customers[cause, since]

    def _behind(self, services: Collection[str]) -> Iterator[Cause]:
        for sender in sorted({sender for service in services for sender in self._sender_of.get(service, ())}):
            yield SENDER, sender
        for name in sorted(self.scene.concerned(services) - frozenset(services)):
            if not self.scene.taken(name).isdisjoint(services):
                yield RESOURCE, name

    def _delivered(self, cause: Cause) -> _Delivered:
        kind, name = cause
        if kind == SENDER:
            return self._senders[name]
        if name not in self._over:
            taken = self.scene.taken(name)
            self._over[name] = _Delivered.of(self._services[one] for one in taken if one in self._services)
        return self._over[name]

    def _cause(self, cause: Cause, since: int) -> dict[str, Any]:
        if (cause, since) not in self._found:
            delivered = self._delivered(cause)
            together = delivered.together(since)
            self._found[cause, since] = _document(cause, together, delivered.known(since))
        return self._found[cause, since]


def silence_findings(
    fallen: FallenSilent, service: str, silence: Silence, metric: str, members: Sequence[str], alarms: Sequence[Alarm]
) -> dict[str, Any]:
    """What is known around a case of silence: as `findings.findings`, but that its `cause_candidates` are what has
    fallen silent together, with `silent` and `silent_count` in place of what was bad, and the customers those of what
    the likeliest has silenced. `silence` says what is not measured."""
    causes = fallen.causes(silence)
    likeliest = (causes[0]["kind"], causes[0]["resource"]) if causes else None
    customers = fallen.customers(likeliest, silence.since) if likeliest is not None else ()
    return {
        **around(fallen.scene, service, members, alarms),
        "cause_candidates": causes[:NAMED],
        "redundant": [],
        "customers_hit": list(customers[:NAMED]),
        "customers_hit_count": len(customers),
        "unprotected_count": 0,
        "silence": silence_document(silence, metric),
    }


def silence_document(silence: Silence, metric: str) -> dict[str, Any]:
    """What is not measured, and since when, as JSON."""
    return {"since": format_instant(silence.since), "services": list(silence.services), "metric": metric}


def _document(cause: Cause, together: Sequence[_One], known: int) -> dict[str, Any]:
    kind, name = cause
    what = f"series of sender {name}" if kind == SENDER else f"services that run over {name}"
    when = _when(together) if together else ""
    return {
        "resource": name,
        "kind": kind,
        "score": round(len(together) / (known + 1), 3),
        "silent": sorted(one.name for one in together[:NAMED]),
        "silent_count": len(together),
        "known": known,
        "reason": f"{len(together)} of {known} {what} fell silent {when}",
    }


def _when(together: Sequence[_One]) -> str:
    first, last = together[0].since, together[-1].since
    return f"at {format_instant(first)}" if first == last else f"from {format_instant(first)} to {format_instant(last)}"


def _rank(found: Mapping[str, Any]) -> tuple[float, bool, int, str]:
    """The likeliest first; of those alike a sender before what is run over, and of these the nearer one."""
    return -found["score"], found["kind"] != SENDER, found["known"], found["resource"]
