"""Random small worlds for the laws of assessment: agreements, measurements with gaps and corrections, exclusions."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_bound, parse_share
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement

_wanted = os.environ.get("UPHELD_LAWS_EXAMPLES")

unhurried = pytest.mark.timeout(0) if _wanted else pytest.mark.timeout(300)
"""Laws that are tried as often as somebody asks take as long as that takes."""


def laws(share: float = 1.0) -> settings:
    """How a law is tried: the same examples each time; UPHELD_LAWS_EXAMPLES=n tries n new ones each time instead."""
    return settings(
        max_examples=max(int(int(_wanted or 220) * share), 1),
        derandomize=_wanted is None,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


SERVICES = ("a", "b")
ORIGINS = tuple(
    map(
        instant,
        (
            "2026-03-28T12:00",  # Europe/Berlin changes its clock on 2026-03-29
            "2026-10-24T00:00",  # and back on 2026-10-25
            "2026-01-30T20:00",
            "1970-01-06T06:00",  # the first instants there are
            "2011-12-29T00:00",  # Pacific/Apia has no 2011-12-30
        ),
    )
)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Asia/Beirut", "Pacific/Apia")
SLOTS = {"15m": 15 * MINUTE, "1h": HOUR}


@dataclass(frozen=True)
class World:
    """What `assess` is given. `since` may be None."""

    terms: tuple[Term, ...]
    measurements: tuple[Measurement, ...]
    exclusions: tuple[Exclusion, ...]
    as_of: int
    since: int | None
    lateness: int


# -- agreements -----------------------------------------------------------------------------------------------------

_PLAIN_SHARES = ("99.9 %", "99 %", "95 %", "90 %", "66.667 %", "50 %", "50 %", "25 %", "0 %", "100 %")
_FINE_SHARES = ("99.999999999 %", "66.66666667 %", "99.99999999999999999999 %")
"""Their parts of a whole that no int64 holds, alone or multiplied."""
_SHARES = _PLAIN_SHARES + _FINE_SHARES
_LIMITS = ("0", "0.1", "0.2", "0.3", "0.5", "1", "2.5", "40", "-3", "0.30000000000000000001")
_BOUNDS = tuple(f"{op} {limit}" for op in ("<=", ">=", "<", ">") for limit in _LIMITS)
_shares, _bounds, _limits = st.sampled_from(_SHARES), st.sampled_from(_BOUNDS), st.sampled_from(_LIMITS)
_any_bounds = st.builds(lambda op, limit: f"{op} {limit}", st.sampled_from(["<=", ">=", "<", ">", "==", "!="]), _limits)
_missing = st.sampled_from(["exclude", "exclude", "bad", "good"])


@cache
def _indicators(slot: str) -> st.SearchStrategy[dict[str, object]]:
    runs = {"consecutive": st.integers(1, 4), "recovery": st.integers(1, 4)}
    metrics = st.sampled_from(["value", "value", "value", "mixed"])
    counts = st.sampled_from(["count", "count", "count", "mixed"])
    plain = {"slot": st.just(slot), "missing": _missing}
    return st.one_of(
        st.fixed_dictionaries(
            {
                "kind": st.just("availability"),
                "metric": metrics,
                "good_when": _any_bounds,
                "slot_rule": st.sampled_from(["any_bad", "all_bad", "mean", "last"]),
                **plain,
            },
            optional=runs,
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("availability"),
                "metric": counts,
                "error_rate_over": _shares,
                "min_total": st.sampled_from([0, 1, 5, 100]),
                **plain,
            },
            optional=runs,
        ),
        st.fixed_dictionaries(
            {"kind": st.just("ratio"), "metric": counts, "weighting": st.just("events"), "slot": st.just(slot)}
        ),
        st.fixed_dictionaries(
            {"kind": st.just("ratio"), "metric": counts, "weighting": st.just("slots"), **plain},
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("aggregate"),
                "metric": metrics,
                "aggregate": st.sampled_from(["mean", "min", "max", "sum", "p50", "p95", "p99.9", "p33.3"]),
                "slot": st.just(slot),
            }
        ),
    )


_CREDITS = (
    [],
    [{"below": "99.9 %", "share": "10 %"}, {"below": "90 %", "share": "25.5 %"}],
    [{"from_attained": "0 %", "to_attained": "89.99 %", "share": "30 %"}, {"below": "95 %", "share": "7 %"}],
)
_TIMED_CREDITS = (
    [{"over": "1h", "share": "10 %"}, {"from": "3h", "share": "33.33 %"}],
    [{"below": "66.667 %", "share": "20 %"}, {"over": "30m", "share": "15 %"}],
)


@cache
def _stricter_shares(target: str) -> list[str]:
    return [share for share in _SHARES if parse_share(share) > parse_share(target)]


@cache
def _stricter_bounds(target: str) -> list[str]:
    """The bounds of the target's direction that nothing meets which misses it, but for itself."""
    same = [parse_bound(bound) for bound in _BOUNDS if bound[0] == target[0]]
    softer, side = parse_bound(target), 1 if target[0] == "<" else -1
    within = [b for b in same if (b.limit - softer.limit) * side < 0]
    edge = [b for b in same if b.limit == softer.limit and len(b.operator) < len(softer.operator)]
    return [str(bound) for bound in within + edge]


_RATES = ("0.1", "0.5", "1", "1.5", "2", "6", "14.4", "0.333333333333333333333333333", "1000000")
_HOURS = (1, 2, 3, 5, 7, 24)


@st.composite
def _trends(draw: st.DrawFn, is_bound: bool, rolling: int | None) -> dict[str, object]:
    """Burn rates, forecasts and when they clear, with windows of up to so many hours."""
    trends: dict[str, object] = {}
    fitting = [hours for hours in _HOURS if hours <= (rolling or 24)]
    if not is_bound and len(fitting) > 1 and draw(st.integers(0, 3)):
        burns = []
        for _ in range(draw(st.integers(1, 2))):
            short, long = sorted(draw(st.lists(st.sampled_from(fitting), min_size=2, max_size=2, unique=True)))
            burns.append({"rate": draw(st.sampled_from(_RATES)), "long": f"{long}h", "short": f"{short}h"})
        trends["burn_rate"] = burns[0] if len(burns) == 1 else burns
    if not is_bound and rolling is None and draw(st.booleans()):
        trends["forecast"] = {"over": f"{draw(st.sampled_from(fitting))}h"}
    return trends


@st.composite
def _objectives(draw: st.DrawFn, name: str, narrow: bool, trends: bool = False) -> dict[str, object]:
    slot = "1h" if narrow else draw(st.sampled_from(["15m", "1h", "1h"]))
    indicator = draw(_indicators(slot))
    if trends and str(indicator.get("aggregate", "")).startswith("p"):
        indicator["exact_up_to"] = draw(st.sampled_from([1, 2, 5, 12]))
    is_bound = indicator["kind"] == "aggregate"
    if narrow and "good_when" in indicator:
        indicator["good_when"] = ">= 0.5"
    rolling = draw(st.integers(0, 3)) == 0
    unit = st.sampled_from(["day", "day", "day", "day", "week"] + ["month"] * (slot == "1h"))
    if rolling:
        period = {"rolling": draw(st.sampled_from(["1h", "2h", "5h"] if narrow else ["1h", "5h", "1d"]))}
    else:
        period = {"calendar": "day" if narrow else draw(unit)}
    objective: dict[str, object] = {
        "id": name,
        "indicator": indicator,
        "period": period,
        "target": draw(_bounds if is_bound else _shares),
    }
    warning: dict[str, object] = {}
    stricter = _stricter_bounds(str(objective["target"])) if is_bound else _stricter_shares(str(objective["target"]))
    if stricter and draw(st.booleans()):
        warning["target"] = draw(st.sampled_from(stricter))
    if not is_bound and draw(st.booleans()):
        warning["budget_spent"] = draw(_shares)
    if trends:
        hours = {"1h": 1, "2h": 2, "5h": 5, "1d": 24}.get(str(period.get("rolling")))
        warning |= draw(_trends(is_bound, hours))
    if warning and trends:
        warning["clear_after"] = draw(st.sampled_from([1, 1, 2, 3, 6, 300]))
    if warning:
        objective["warning"] = warning
    if not is_bound and not rolling:
        timed = _TIMED_CREDITS if indicator["kind"] == "availability" else ()
        objective["credits"] = draw(st.sampled_from(_CREDITS + timed))
    return objective


def _of_one_charge(objectives: list[dict[str, object]]) -> list[dict[str, object]]:
    """The objectives, with credits for those only whose period is that of the first with credits."""
    periods = [o["period"] for o in objectives if o.get("credits")]
    return [{**o, "credits": o.get("credits", []) if o["period"] in periods[:1] else []} for o in objectives]


@st.composite
def _agreements(draw: st.DrawFn, name: str, origin: int, trends: bool = False) -> Agreement:
    offsets = st.sampled_from([-100, -31, -7, 0, 5, 26])  # hours from the origin
    minutes = st.sampled_from([0, 0, 0, 7])
    begins = origin + draw(offsets) * HOUR + draw(minutes) * MINUTE
    valid = {"from": format_instant(begins)}
    if draw(st.integers(0, 3)) == 0:
        valid["to"] = format_instant(begins + draw(st.sampled_from([1, 30, 90])) * HOUR + draw(minutes) * MINUTE)
    document: dict[str, object] = {
        "id": name,
        "customer": f"customer of {name}",
        "time_zone": draw(st.sampled_from(ZONES)),
        "valid": valid,
        "services": draw(st.sampled_from([["a"], ["b"], ["a", "b"], ["b", "a"]])),
        "objectives": _of_one_charge(
            [draw(_objectives(f"objective {i}", False, trends)) for i in range(draw(st.integers(1, 3)))]
        ),
        "service_hours": draw(
            st.sampled_from(
                ["always", "always", {"mon-fri": "08:00-18:00"}, {"sat-sun": "00:30-24:00", "wed": "01:00-03:10"}]
            )
        ),
        "exclusions": draw(st.sampled_from([None, ["maintenance"], []])),
        "lateness": draw(st.sampled_from([None, "90m"])),
    }
    if draw(st.booleans()):
        services = document["services"]
        assert isinstance(services, list)
        document["charge"] = {s: {"amount": "123.45", "currency": "EUR"} for s in services}
        document["credit_cap"] = draw(st.sampled_from([None, "12 %", "50 %"]))
    return Agreement.model_validate(document)


# -- measurements ---------------------------------------------------------------------------------------------------

_VALUES = (
    0.0,
    -0.0,
    0.1,
    0.2,
    0.3,
    0.7,
    1.0,
    1.0,
    1.0,
    2.5,
    40.0,
    40.00000000000001,
    0.30000000000000004,
    -3.0,
    1e16,
    1e308,
    5e-324,
)
_COUNTS = ((0, 0), (1, 1), (0, 1), (3, 3), (2, 3), (90, 97), (95, 100), (100, 100), (999, 1000))
_HUGE = ((2**40, 2**40 + 1), (2**62, 2**62), (2**62 - 5, 2**62), (2**63 - 1, 2**63 - 1))


_values = st.sampled_from([{"value": value} for value in _VALUES])
_counts = st.sampled_from([{"good": good, "total": total} for good, total in _COUNTS + _COUNTS + _HUGE])
_figures = {"value": _values, "count": _counts, "mixed": st.one_of(_values, _counts)}


def narrow_agreement(objectives: list[dict[str, object]], origin: int) -> Agreement:
    """One service at all hours, with objectives that share a cap on their credits."""
    return Agreement.model_validate(
        {
            "id": "first",
            "customer": "customer of first",
            "valid": {"from": format_instant(origin - 24 * HOUR)},
            "services": ["a"],
            "objectives": objectives,
            "charge": {"a": {"amount": "123.45", "currency": "EUR"}},
            "credit_cap": "30 %",
        }
    )


@st.composite
def _stretches(draw: st.DrawFn, service: str, metric: str, origin: int) -> list[Measurement]:
    """Regular measurements: stretches of the same figures and gaps, as `1x20 0x4 _x3`."""
    step = draw(st.sampled_from([10, 15, 30, 60])) * MINUTE
    time = origin + draw(st.integers(-2, 6)) * 20 * MINUTE
    made: list[Measurement] = []
    for _ in range(draw(st.integers(0, 9))):
        count = draw(st.integers(1, 14))
        if draw(st.integers(0, 4)):
            figures = draw(_figures[metric])
            made += [Measurement(service, metric, time + i * step, **figures) for i in range(count)]  # type: ignore[arg-type]
        time += count * step
    return made


_plain = {
    "value": [{"value": 1.0}, {"value": 1.0}, {"value": 0.0}, {"value": 0.0}, {"value": 0.3}, None],
    "count": [*({"good": g, "total": t} for g, t in ((4, 4), (4, 4), (0, 4), (1, 4), (2, 3), (5, 7))), None],
}
_plain["mixed"] = _plain["value"] + _plain["count"]
_dense = {
    metric: st.lists(st.tuples(st.sampled_from(figures), st.integers(1, 4)), min_size=6, max_size=24)
    for metric, figures in _plain.items()
}


@st.composite
def _dense_stretches(draw: st.DrawFn, service: str, metric: str, origin: int) -> list[Measurement]:
    """Measurements once an hour, good and bad in short turns from the origin on."""
    time, made = origin, []
    for figures, count in draw(_dense[metric]):
        if figures is not None:
            made += [Measurement(service, metric, time + i * HOUR, **figures) for i in range(count)]
        time += count * HOUR
    return made


@st.composite
def _corrections(draw: st.DrawFn, made: Sequence[Measurement], origin: int) -> list[Measurement]:
    """Measurements at any instant, and others of the same identity, known sooner, later or at the same time."""
    corrections = []
    for _ in range(draw(st.integers(0, 5))):
        known_at = draw(st.integers(0, 2))
        if made and draw(st.integers(0, 2)):
            old = draw(st.sampled_from(made))
            figures = draw(_figures[old.metric])
            plain = Measurement(old.service, old.metric, old.time, known_at=known_at)
            corrections.append(replace(plain, **figures))  # type: ignore[arg-type]
        else:
            metric = draw(st.sampled_from(["value", "count", "mixed"]))
            time = origin + draw(st.integers(-3 * 60, 90 * 60)) * MINUTE
            plain = Measurement(draw(st.sampled_from(SERVICES)), metric, time, known_at=known_at)
            corrections.append(replace(plain, **draw(_figures[metric])))  # type: ignore[arg-type]
    return corrections


@st.composite
def _exclusions(draw: st.DrawFn, origin: int) -> Exclusion:
    begins = origin + draw(st.integers(-40, 400)) * 15 * MINUTE + draw(st.sampled_from([0, 0, 7])) * MINUTE
    return Exclusion(
        service=draw(st.sampled_from(["a", "b", "*"])),
        start=begins,
        end=begins + draw(st.sampled_from([7, 15, 60, 150, 1500])) * MINUTE,
        reason=draw(st.sampled_from(["maintenance", "customer"])),
        approved_by=draw(st.sampled_from([None, "ann", "ann"])),
        agreement=draw(st.sampled_from([None, None, "first"])),
    )


@st.composite
def worlds(draw: st.DrawFn, trends: bool = False) -> World:
    """Every second world is narrow, so that much happens to little; the others are wide, so that all may happen. With
    `trends` there are burn rates, forecasts, `clear_after` and sketched percentiles in them too."""
    origin = draw(st.sampled_from(ORIGINS))
    if narrow := draw(st.booleans()):
        names = range(draw(st.integers(1, 3)))
        agreements = [narrow_agreement([draw(_objectives(f"objective {i}", True, trends)) for i in names], origin)]
    else:
        agreements = [draw(_agreements("first", origin, trends))]
        if draw(st.booleans()):
            agreements.append(draw(_agreements("second", origin, trends)))
    terms = compile_terms(agreements)
    made: list[Measurement] = []
    for service, metric in sorted({(t.service, t.indicator.metric) for t in terms}):
        made += draw((_dense_stretches if narrow else _stretches)(service, metric, origin))
    made += draw(_corrections(made, origin))
    exclusions = draw(st.lists(_exclusions(origin), max_size=2 if narrow else 4))
    lateness = draw(st.sampled_from([0, HOUR, 30 * HOUR]))
    if narrow:
        as_of = origin + draw(st.integers(1, 60)) * HOUR
        return World(terms, tuple(made), tuple(exclusions), as_of, origin, lateness)
    hours = draw(st.integers(0, 96)) if draw(st.integers(0, 9)) else draw(st.sampled_from([200, 800]))
    as_of = origin + hours * HOUR + draw(st.sampled_from([0, 0, 1, 22 * MINUTE]))
    since = draw(st.sampled_from([None, origin, origin - 26 * HOUR, origin + 31 * HOUR + MINUTE]))
    return World(terms, tuple(made), tuple(exclusions), as_of, since, lateness)
