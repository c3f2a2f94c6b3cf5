"""Random worlds of promises about several services: groups, several periods, billing days, caps, rights, amendments."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from worlds import World, instant

from upheld.agreements.model import Portfolio
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement

SERVICES = ("a", "b", "c")
ORIGINS = tuple(map(instant, ("2026-03-27T22:00", "2026-10-24T00:00", "2026-01-30T20:00", "2026-02-27T00:00")))
_ZONES = ("UTC", "Europe/Berlin", "America/St_Johns")
_SHARES = ("99 %", "90 %", "75 %", "66.667 %", "50 %", "25 %", "0 %", "100 %")
_TIERS: tuple[list[dict[str, str | int]], ...] = (
    [],
    [{"below": "99 %", "share": "10 %"}, {"below": "60 %", "share": "33.33 %"}],
    [{"over": "1h", "share": "10 %"}, {"from": "3h", "share": "25 %"}],
    [{"days": 1, "per_started": "1h", "over": "2h"}],
    [{"days": "0.5", "per_started": "30m"}, {"below": "50 %", "share": "12 %"}],
)
_COUNTED_TIERS = _TIERS[:2]
_DAILY, _BILLED = {"calendar": "day"}, {"calendar": "month", "billing_day": 31}
_PERIODS: tuple[dict[str, object], ...] = (
    _DAILY,
    _DAILY,
    _DAILY,
    {"calendar": "week"},
    {"calendar": "month", "billing_day": 28},
    _BILLED,
)


@st.composite
def _indicators(draw: st.DrawFn, *, by_slot: bool) -> dict[str, Any]:
    missing = draw(st.sampled_from(["exclude", "exclude", "bad", "good"]))
    kind = "availability" if by_slot else draw(st.sampled_from(["availability", "availability", "ratio", "aggregate"]))
    if kind == "ratio":
        return {"kind": "ratio", "metric": "count", "slot": "1h"}
    if kind == "aggregate":
        aggregate = draw(st.sampled_from(["mean", "max", "p50"]))
        return {"kind": "aggregate", "metric": "value", "aggregate": aggregate, "slot": "1h"}
    plain = {"kind": "availability", "slot": "1h", "missing": missing}
    if draw(st.integers(0, 3)) == 0:
        return {**plain, "metric": "count", "error_rate_over": "50 %"}
    return {**plain, "metric": "value", "good_when": ">= 0.5"}


@st.composite
def _groups(draw: st.DrawFn) -> dict[str, Any]:
    rule = draw(st.sampled_from(["redundant", "redundant", "mean", "mean", "all", "any"]))
    members = draw(st.sampled_from([["a", "b"], ["b", "c"], ["a", "b", "c"], []]))
    group: dict[str, Any] = {"id": f"g-{''.join(members or SERVICES)}", "rule": rule}
    if rule == "mean" and members:
        group["services"] = {service: draw(st.integers(1, 3)) for service in members}
    elif members:
        group["services"] = members
    if rule == "redundant":
        group["needs"] = draw(st.integers(1, len(members) or 3))
    return group


@st.composite
def _objectives(draw: st.DrawFn, name: str) -> dict[str, Any]:
    group = draw(_groups()) if draw(st.integers(0, 3)) else None
    by_slot = group is not None and group["rule"] in ("redundant", "mean")
    indicator = draw(_indicators(by_slot=by_slot))
    if indicator["kind"] == "availability" and (group is None or group["rule"] != "mean"):
        indicator |= {"consecutive": draw(st.integers(1, 3)), "recovery": draw(st.integers(1, 3))}
    is_bound = indicator["kind"] == "aggregate"
    objective: dict[str, Any] = {
        "id": name,
        "indicator": indicator,
        "target": draw(st.sampled_from(["<= 0.3", ">= 0.5", "< 1"])) if is_bound else draw(st.sampled_from(_SHARES)),
    }
    if group is not None:
        objective["group"] = group
    if not is_bound and draw(st.booleans()):
        objective["warning"] = {"budget_spent": draw(st.sampled_from(_SHARES))}
    tiers = st.just([]) if is_bound else st.sampled_from(_TIERS if indicator["kind"] != "ratio" else _COUNTED_TIERS)
    rolling = draw(st.integers(0, 4)) == 0
    if draw(st.integers(0, 3)) == 0:
        periods: list[dict[str, Any]] = [{**_DAILY, "credits": draw(tiers)}, {**_BILLED, "credits": draw(tiers)}]
        if rolling:
            periods.append({"rolling": "5h", "credits": []})
        elif not is_bound:
            periods[1]["target"] = draw(st.sampled_from(_SHARES))
        objective["periods"] = periods
    elif rolling:
        objective["period"] = {"rolling": draw(st.sampled_from(["2h", "6h"]))}
    else:
        objective["period"] = draw(st.sampled_from(_PERIODS))
        objective["credits"] = draw(tiers)
    if not rolling and draw(st.booleans()):
        objective["chronic"] = {
            "violations": draw(st.integers(1, 3)),
            "within": draw(st.sampled_from(["1 month", "2 months"])),
        }
    return objective


@st.composite
def _agreements(draw: st.DrawFn, origin: int) -> list[dict[str, Any]]:
    """An agreement, amended at some instant, or not."""
    begins = origin + draw(st.sampled_from([-72, -5, 0, 7])) * HOUR
    charges = {
        name: {"amount": draw(st.sampled_from(["100", "0.35"])), "currency": "EUR", "per": "month"} for name in "ab"
    }
    if draw(st.booleans()):
        charges["c"] = {"amount": "50.05", "currency": "EUR", "per": "month"}
    document: dict[str, Any] = {
        "id": "first",
        "customer": "customer",
        "time_zone": draw(st.sampled_from(_ZONES)),
        "valid": {"from": format_instant(begins)},
        "services": list(SERVICES),
        "objectives": [draw(_objectives(f"objective {i}")) for i in range(draw(st.integers(1, 3)))],
        "service_hours": draw(st.sampled_from(["always", "always", {"mon-sun": "01:00-23:30"}])),
        "charge": charges,
        "credit_cap": draw(
            st.sampled_from([None, "50 %", {"agreement": "20 %"}, {"service": "30 %", "agreement": "12.5 %"}])
        ),
        "lateness": draw(st.sampled_from([None, "90m"])),
    }
    if draw(st.booleans()):
        document["claim"] = {"within": "30d"}
    if draw(st.integers(0, 2)):
        return [document]
    amended = begins + draw(st.sampled_from([9, 24, 31])) * HOUR + draw(st.sampled_from([0, 0, 20])) * MINUTE
    changed = {**document, "valid": {"from": format_instant(amended)}}
    if draw(st.booleans()):
        changed["objectives"] = [{**o, "chronic": []} for o in document["objectives"]]
    if draw(st.booleans()):
        changed["charge"] = {name: {**charge, "amount": "80"} for name, charge in charges.items()}
    return draw(st.permutations([document, changed]))


_VALUES = st.sampled_from([{"value": 1.0}, {"value": 1.0}, {"value": 0.0}, {"value": 0.0}, {"value": 0.3}, None])
_COUNTS = st.sampled_from([{"good": 4, "total": 4}, {"good": 0, "total": 4}, {"good": 2, "total": 3}, None])


@st.composite
def _measured(draw: st.DrawFn, service: str, metric: str, origin: int) -> list[Measurement]:
    """Measurements once an hour, good and bad in short turns from the origin on."""
    time, made = origin, []
    figures = _COUNTS if metric == "count" else _VALUES
    for figure, count in draw(st.lists(st.tuples(figures, st.integers(1, 5)), max_size=20)):
        if figure is not None:
            made += [Measurement(service, metric, time + i * HOUR, **figure) for i in range(count)]  # type: ignore[arg-type]
        time += count * HOUR
    if made and draw(st.booleans()):
        old = draw(st.sampled_from(made))
        figure = draw(figures.filter(lambda f: f is not None)) or {}
        made.append(Measurement(service, metric, old.time, known_at=2, **figure))  # type: ignore[arg-type]
    return made


@st.composite
def _exclusions(draw: st.DrawFn, origin: int) -> Exclusion:
    begins = origin + draw(st.integers(-4, 50)) * HOUR + draw(st.sampled_from([0, 0, 0, 30])) * MINUTE
    return Exclusion(
        service=draw(st.sampled_from(["a", "b", "c", "g-ab", "g-abc", "*"])),
        start=begins,
        end=begins + draw(st.sampled_from([30, 60, 300, 1500])) * MINUTE,
        reason=draw(st.sampled_from(["maintenance", "customer"])),
        approved_by=draw(st.sampled_from([None, "ann", "ann"])),
    )


@st.composite
def group_worlds(draw: st.DrawFn) -> World:
    origin = draw(st.sampled_from(ORIGINS))
    portfolio = Portfolio.model_validate({"agreements": draw(_agreements(origin))})
    terms = compile_terms(portfolio.agreements)
    made: list[Measurement] = []
    for service, metric in sorted({key for term in terms for key in term.series}):
        made += draw(_measured(service, metric, origin))
    exclusions = draw(st.lists(_exclusions(origin), max_size=3))
    if draw(st.booleans()):  # several members at once
        exclusions += [replace(x, service=service) for x in exclusions[:1] for service in "ab"]
    far = draw(st.integers(0, 15)) == 0  # so that a month ends
    as_of = origin + (35 * DAY if far else draw(st.integers(1, 60)) * HOUR)
    return World(terms, tuple(made), tuple(exclusions), as_of, origin, draw(st.sampled_from([0, HOUR])))
