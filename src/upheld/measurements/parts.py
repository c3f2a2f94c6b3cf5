"""The parts of a ratio: good, bad and total events that come as series of their own, and the counts that two of them
make.

A part stays in the log under the metric's name with `(good)`, `(bad)` or `(total)` behind it. Of one service, metric
and instant any two parts give the counts; what one of them was before does not matter, nor which came first.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from upheld.measurements.model import Measurement

Part = Literal["good", "bad", "total"]
PARTS: tuple[Part, ...] = get_args(Part)
MOST = 2**53
"""Events that are counted at most: beyond that a value tells them no longer one by one."""


def named(metric: str, part: Part) -> str:
    """What a part of a metric is called."""
    return f"{metric} ({part})"


def part_of(metric: str) -> tuple[str, Part] | None:
    """The metric and the part that a name is made of; None where it is no part's."""
    return next(((metric.removesuffix(f" ({p})"), p) for p in PARTS if metric.endswith(f" ({p})")), None)


def counts(parts: Mapping[Part, float]) -> tuple[int, int] | None:
    """(good, total) of the parts of one instant, each rounded to a whole number of events; None where there is but one.
    Where all three are there, good and total hold. More good, or bad, than there are in total are as many as there are:
    what two counters show at one instant was not always read at one instant."""
    whole = {part: min(max(round(value), 0), MOST) for part, value in parts.items()}
    if len(whole) < 2:
        return None
    total = whole.get("total", whole.get("good", 0) + whole.get("bad", 0))
    good = whole.get("good", total - whole.get("bad", 0))
    return min(max(good, 0), total), total


def counted(held: Iterable[Measurement]) -> dict[tuple[str, str, int], tuple[int, int]]:
    """The counts that parts make, each of which holds (`model.holding`), by (service, metric, time)."""
    parts: dict[tuple[str, str, int], dict[Part, float]] = {}
    for one in held:
        found = part_of(one.metric)
        if found is not None and one.value is not None:
            parts.setdefault((one.service, found[0], one.time), {})[found[1]] = one.value
    return {identity: made for identity, of in parts.items() if (made := counts(of)) is not None}


def faults(series: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Of some series, each (service, metric): those parts that make no counts, and why."""
    found: dict[tuple[str, str], dict[Part, int]] = {}
    for service, metric in series:
        if (named_part := part_of(metric)) is not None:
            parts = found.setdefault((service, named_part[0]), {})
            parts[named_part[1]] = parts.get(named_part[1], 0) + 1
    wrong: dict[tuple[str, str], str] = {}
    for (service, metric), parts in found.items():
        for part, times in parts.items():
            if times > 1:
                wrong[service, named(metric, part)] = (
                    f"{times} series are its {part} part: let their sender add them up"
                )
            elif len(parts) == 1:
                others = " or ".join(other for other in PARTS if other != part)
                wrong[service, named(metric, part)] = f"is not paired: no series is its {others} part"
    return wrong
