"""Promises to measure with, and the rows that a fleet may ask for again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import MINUTE
from upheld.measurements.exclusions import Exclusion

METRIC = "probe_success"


def service(i: int) -> str:
    """The name of the i-th service."""
    return f"vpn-{i:06d}"


def terms(count: int, windows: Sequence[str], *, since: int, target: str = "99.9 %") -> Sequence[Term]:
    """An availability objective at 1-minute slots for each rolling window of each of `count` services, valid from
    `since` (microseconds UTC, a full minute), with a soft threshold; the objectives of one service after another."""
    agreement = {
        "id": "bench",
        "customer": "acme",
        "time_zone": "UTC",
        "valid": {"from": datetime.fromtimestamp(since // 1_000_000, UTC).isoformat()},
        "services": [service(i) for i in range(count)],
        "objectives": [
            {
                "id": window,
                "indicator": {"kind": "availability", "metric": METRIC, "good_when": ">= 1", "slot": "1m"},
                "period": {"rolling": window},
                "target": target,
                "warning": {"budget_spent": "75 %"},
            }
            for window in windows
        ],
        "exclusions": ["planned_maintenance"],
    }
    return compile_terms([Agreement.model_validate(agreement)])


def planned(services: Mapping[int, int], length: int) -> list[Exclusion]:
    """Planned work of `length` microseconds at each of these services, from the instant given."""
    return [Exclusion(service(i), start, start + length, "planned_maintenance", "noc") for i, start in services.items()]


def never_asked(name: str, metric: str, start: int, end: int) -> NoReturn:
    """For a fleet whose rows all come in order: it has no reason to ask for any of them again."""
    raise AssertionError(f"asked for the rows of {name} {metric} in [{start}, {end})")


__all__ = ["METRIC", "MINUTE", "never_asked", "planned", "service", "terms"]
