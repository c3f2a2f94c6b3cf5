"""What was done, and what other systems told, as evidence for a cause: changes and works are candidates beside what a
service runs over, and an alarm about a resource speaks for it. Pure; instants and durations in microseconds UTC.

A change or a work scores by what it is, by when it came and by whom it reaches: `weight` x `time` x the share of the
services that it touches that were bad. An alarm about a candidate counts in the same way, and takes away so much of the
doubt that is left: 1 - (1 - score) x (1 - what it counts). Nothing that came after a service went bad has made it bad.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from upheld.agreements.units import HOUR, MINUTE, SECOND, format_instant
from upheld.analysis.alarms import Alarm

LIKELY = 0.4
"""The score from which a candidate is called likely. A resource of two services of which one is bad has 0.33, and one
whose only service is bad 0.5."""
SEVERITY: Mapping[str, float] = {
    "critical": 0.8,
    "major": 0.6,
    "minor": 0.3,
    "warning": 0.3,
    "info": 0.1,
    "information": 0.1,
    "indeterminate": 0.1,
}
"""What an alarm counts by its severity, the highest first (those of ITU-T X.733, and what other systems call them)."""
UNTOLD = 0.5
"""What an alarm counts that does not say how severe it is."""
WEIGHT: Mapping[str, float] = {"change": 0.8, "maintenance": 0.8, "overrun": 0.95}
"""What something done counts by its kind, were it done this minute and all bad that it touches."""
LEEWAY = 5 * MINUTE
"""So long after a service went bad something may be noted down that made it bad: slots and clocks are no finer."""
LEAST = 0.05
"""The least score with which something done is a candidate."""
MOST = 10
"""Things done that are candidates at most."""

DoneKind = Literal["change", "maintenance", "overrun"]


@dataclass(frozen=True, slots=True)
class Done:
    """Something that was done: a change, a work, or a work that runs over its window. `end` is None where it is not
    over yet; a change begins and ends at once."""

    id: str
    kind: DoneKind
    start: int
    end: int | None
    summary: str
    author: str
    services: tuple[str, ...]

    @property
    def href(self) -> str | None:
        """Where a work can be read; a change is all in its summary."""
        return None if self.kind == "change" else f"/v1/maintenance/{self.id}"


def is_place(candidate: Mapping[str, Any]) -> bool:
    """Whether a candidate is something that services share, a resource or a sender, and not something that was done."""
    return candidate.get("kind", "resource") not in WEIGHT


def is_likely(candidate: Mapping[str, Any]) -> bool:
    """Whether enough speaks for a candidate to call it likely."""
    return bool(candidate.get("score", 1.0) >= LIKELY)


def likeliest(candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The likeliest cause of some candidates, which are in their order; None where no one is likely."""
    return candidates[0] if candidates and is_likely(candidates[0]) else None


def named(candidate: Mapping[str, Any]) -> str:
    """A candidate in words: `sw-1`, `sender probe-1`, `change CHG-1 (new routing policy)`."""
    name, kind = str(candidate["resource"]), candidate.get("kind", "resource")
    if kind in WEIGHT:
        what = "work that runs over its window" if kind == "overrun" else kind
        return f"{what} {name} ({candidate['summary']})"
    return f"sender {name}" if kind == "sender" else name


# -- alarms ---------------------------------------------------------------------------------------------------------


def supported(
    candidates: Sequence[dict[str, Any]], alarms: Sequence[Alarm], service: str, since: int
) -> list[dict[str, Any]]:
    """Candidates with what alarms about them add to their scores: the one of each that counts most, as several may
    tell of the same. They get `alarms`, and in `reasons` why. `service` is whose case it is, bad from `since` on."""
    about: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        for name in dict.fromkeys((*alarm.services, *filter(None, (alarm.object,)))):
            about.setdefault(name, []).append(alarm)
    found = [_supported(c, about.get(c["resource"], ()) if is_place(c) else (), service, since) for c in candidates]
    return sorted(found, key=lambda c: -c["score"])


def _supported(candidate: dict[str, Any], alarms: Iterable[Alarm], service: str, since: int) -> dict[str, Any]:
    share = candidate["bad_count"] / max(1, candidate["known"])
    counted = [(_alarm_counts(alarm, since) * (1 + share) / 2, alarm) for alarm in alarms]
    found = sorted((one for one in counted if one[0] > 0), key=lambda one: (-one[0], one[1].id))
    if not found:
        return candidate
    told = [
        f"{alarm.severity or 'an'} alarm about it from {alarm.source}, raised {_apart(alarm.raised_at, since, service)}"
        + (f": {alarm.text}" if alarm.text else "")
        for _, alarm in found
    ]
    return {
        **candidate,
        "score": round(1 - (1 - candidate["score"]) * (1 - found[0][0]), 3),
        "reasons": [*told, *candidate.get("reasons", ())],
        "alarms": [_alarm_document(alarm, counts) for counts, alarm in found],
    }


def _alarm_counts(alarm: Alarm, since: int) -> float:
    """What an alarm counts by itself; nothing where it was over before. One that comes later may tell of it late."""
    if alarm.raised_at is None or (alarm.cleared_at is not None and alarm.cleared_at < since - LEEWAY):
        return 0.0
    return SEVERITY.get((alarm.severity or "").casefold(), UNTOLD) * _fading(since - alarm.raised_at)


def _alarm_document(alarm: Alarm, counts: float) -> dict[str, Any]:
    assert alarm.raised_at is not None, "it counts nothing before it was raised"
    return {
        "id": alarm.id,
        "href": f"/tmf-api/alarm/v4/alarm/{alarm.id}",
        "severity": alarm.severity,
        "text": alarm.text,
        "raised_at": format_instant(alarm.raised_at),
        "counts": round(counts, 3),
    }


# -- what was done --------------------------------------------------------------------------------------------------


def of_done(one: Done, touched: tuple[Sequence[str], int], service: str, since: int) -> dict[str, Any] | None:
    """Something that was done as a candidate; None where it hardly can be the cause. `touched` are the services that
    it touches that were bad, and of how many of those that it touches it is known how they are."""
    bad, known = touched
    score = WEIGHT[one.kind] * _time(one, since) * len(bad) / max(1, known)
    if score < LEAST:
        return None
    last = one.start if one.end is None or one.kind == "change" else one.end
    when = "under way when" if _age(one, since) == 0 and one.kind != "change" else ""
    when = f"{when} {service} went bad" if when else f"{_apart(last, since, service)}"
    done = {"change": "changed", "maintenance": "worked on,", "overrun": "worked on past the window,"}[one.kind]
    return {
        "resource": one.id,
        "kind": one.kind,
        "summary": one.summary,
        "href": one.href,
        "score": round(score, 3),
        "bad": list(bad[:50]),
        "bad_count": len(bad),
        "known": known,
        "carries": known,
        "reason": f"{done} {when}; {len(bad)} of the {known} services that it touches were bad within ten minutes",
    }


def _time(one: Done, since: int) -> float:
    return 0.0 if one.start > since + LEEWAY else _fading(_age(one, since))


def _age(one: Done, since: int) -> int:
    """For how long it had been over when the service went bad; 0 while it is under way."""
    return 0 if one.end is None else max(0, since - one.end)


def _fading(age: int) -> float:
    """What is left of the weight of something after so long: all at once, half after an hour, 0.04 after a day."""
    return 1 / (1 + max(0, age) / HOUR)


def _apart(at: int | None, since: int, service: str) -> str:
    """How long before or after `service` went bad: `8 min before vpn-1 went bad`."""
    apart = 0 if at is None else since - at
    if abs(apart) < SECOND:
        return f"just as {service} went bad"
    return f"{_span(abs(apart))} {'before' if apart > 0 else 'after'} {service} went bad"


def _span(duration: int) -> str:
    if duration < MINUTE:
        return f"{duration // SECOND} s"
    hours, rest = divmod(duration // MINUTE, 60)
    return f"{rest} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"
