"""Agreements as OpenSLO documents (github.com/OpenSLO/OpenSLO, `openslo/v1` and `openslo.com/v2alpha`).

Each promise about each service is an SLO. What OpenSLO has no words for stands in annotations under `upheld.io/`, in
flow YAML, so that `readers.openslo` makes the same promises of it; OpenSLO's own fields go before the annotations. An
agreement's own terms stand in the annotation `upheld.io/agreements` of the Service document of its first service."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import yaml

from upheld.agreements.indicators import Availability, Ratio
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.objectives import BurnRate, Objective, Period
from upheld.agreements.units import DAY, HOUR, MINUTE, Bound, to_datetime

PREFIX = "upheld.io/"
OPERATORS = {"<=": "lte", ">=": "gte", "<": "lt", ">": "gt"}
CALENDAR_DURATIONS = {"day": "1d", "week": "1w", "month": "1M", "quarter": "1Q", "year": "1Y"}
_UNITS = ((7 * DAY, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m"))
_SAID = ("id", "indicator", "period", "periods", "target")
"""The fields of an objective that an SLO says in words of its own."""
_SAID_INDICATOR = ("kind", "metric", "good_when", "error_rate_over", "weighting")


@dataclass(frozen=True, slots=True)
class Export:
    """`documents` are OpenSLO objects as plain data; `notes` say what other tools cannot read in them."""

    documents: list[dict[str, Any]]
    notes: list[str]


class _Unsaid(Exception):
    """OpenSLO has no words for a promise; the message says for what."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _plain_decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.Node:
    text = format(value, "f")
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    """In quotes where YAML 1.2 would read a number, which the dumper, of YAML 1.1, does not always know."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if _NUMBER.fullmatch(value) else None)


_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_Dumper.add_representer(Decimal, _plain_decimal)
_Dumper.add_representer(str, _text)


def flow(value: Any) -> str:
    """Plain data on one line of YAML, every figure as it is written."""
    text: str = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10**9, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def block(value: Any) -> str:
    """Plain data as YAML in which the innermost mappings and lists are on one line."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=None, width=116, sort_keys=False, allow_unicode=True
    )
    return text


def openslo_text(documents: Iterable[Mapping[str, Any]]) -> str:
    """OpenSLO documents as a YAML stream."""
    return "---\n".join(
        yaml.dump(dict(d), Dumper=_Dumper, width=116, sort_keys=False, allow_unicode=True) for d in documents
    )


def to_openslo(portfolio: Portfolio, written: Mapping[str, Any], version: str = "openslo/v1") -> Export:
    """A portfolio as OpenSLO documents. `written` is the same as plain data, as the agreements file has it."""
    notes = [
        f"{field}: stays in the agreements file; OpenSLO has no contacts and no topology"
        for field in ("customers", "provider", "resources")
        if written.get(field)
    ]
    heads: dict[str, list[dict[str, Any]]] = {s: [] for a in portfolio.agreements for s in a.services}
    slos: list[dict[str, Any]] = []
    names, service_names = _Names(), _Names()
    services = {service: service_names.of(service) for service in heads}
    for agreement, raw in zip(portfolio.agreements, written["agreements"], strict=True):
        head = dict(raw)
        head["objectives"] = []
        for promise, plain in _promises(agreement, raw):
            try:
                said = [*_slos(agreement, raw, promise, plain, version, names, services)]
            except _Unsaid as unsaid:
                head["objectives"].append(plain)
                notes.append(
                    f"{agreement.id} {promise.id}: OpenSLO has no words for {unsaid}: only in {PREFIX}agreements"
                )
                continue
            head["objectives"].append(promise.id)
            slos += said
            hidden = _hidden(plain)
            if hidden:
                notes.append(f"{agreement.id} {promise.id}: only in annotations, unseen by other tools: {hidden}")
        for field in ("service_hours", "exclusions"):
            if raw.get(field) not in (None, "always"):
                notes.append(f"{agreement.id}: only in annotations, unseen by other tools: {field}")
        heads[agreement.services[0]].append(head)
    stated = [_service(service, services[service], terms, version) for service, terms in heads.items()]
    return Export([*stated, *slos], notes)


def _promises(agreement: Agreement, raw: Mapping[str, Any]) -> Iterator[tuple[Objective, dict[str, Any]]]:
    """Each promise with its plain data: an objective with several periods is taken apart."""
    for objective, plain in zip(agreement.objectives, raw["objectives"], strict=True):
        if objective.period is not None:
            yield objective, dict(plain)
            continue
        for promise, terms in zip(objective.promises(), plain["periods"], strict=True):
            own = {k: v for k, v in plain.items() if k != "periods"}
            own |= {"id": promise.id, **{k: v for k, v in terms.items() if k in ("target", "warning", "credits")}}
            own["period"] = {k: v for k, v in terms.items() if k in ("calendar", "rolling", "billing_day")}
            yield promise, own


def _hidden(plain: Mapping[str, Any]) -> str:
    """What changes the figures or the consequences of a promise, and stands in annotations only."""
    fields = [name for name in plain["indicator"] if name in ("missing", "slot_rule", "min_total", "consecutive")]
    fields += [name for name in plain["indicator"] if name == "recovery"]
    fields += [name for name in ("credits", "chronic") if plain.get(name)]
    fields += [f"warning.{name}" for name in plain.get("warning") or {} if name != "burn_rate"]
    return ", ".join(fields)


class _Names:
    """Names after RFC 1123, each given once."""

    def __init__(self) -> None:
        self.given: set[str] = set()

    def of(self, *parts: str) -> str:
        name = slug("-".join(parts))
        unique, number = name, 2
        while unique in self.given:
            unique = f"{name[:58]}-{number}"
            number += 1
        self.given.add(unique)
        return unique


def slug(text: str) -> str:
    """A name after RFC 1123: at most 63 lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "x"


def _service(service: str, name: str, heads: list[dict[str, Any]], version: str) -> dict[str, Any]:
    annotations = {f"{PREFIX}service": service}
    if heads:
        annotations[f"{PREFIX}agreements"] = flow(heads)
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": version, "kind": "Service", "metadata": metadata, "spec": {}}


# -- one promise ------------------------------------------------------------------------------------------------------


def _slos(
    agreement: Agreement,
    raw: Mapping[str, Any],
    promise: Objective,
    plain: Mapping[str, Any],
    version: str,
    names: _Names,
    services: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """The SLO of each service, and the alert policies that they refer to."""
    if promise.group is not None:
        raise _Unsaid(f"a group of services ({promise.group.rule})")
    method, metric, sayings = _indicator(promise, version)
    window = _window(agreement, promise.sole_period, version)
    policies = [*_policies(agreement, promise, version, names)]
    annotations = {
        f"{PREFIX}agreement": agreement.id,
        f"{PREFIX}valid-from": str(raw["valid"]["from"]),
        f"{PREFIX}objective": promise.id,
        **{f"{PREFIX}{field.replace('_', '-')}": text for field, text in _annotated(plain, method)},
    }
    for service in agreement.services:
        yield {
            "apiVersion": version,
            "kind": "SLO",
            "metadata": {
                "name": names.of(agreement.id, promise.id, service),
                "annotations": {f"{PREFIX}service": service, **annotations},
            },
            "spec": {
                "service": services[service],
                "indicator" if version == "openslo/v1" else "sli": _sli(promise, metric, version),
                "timeWindow": [window],
                "budgetingMethod": method,
                "objectives": [sayings],
                **({"alertPolicies": [policy["metadata"]["name"] for policy in policies]} if policies else {}),
            },
        }
    yield from policies


def _annotated(plain: Mapping[str, Any], method: str) -> Iterator[tuple[str, str]]:
    said = _SAID_INDICATOR if method == "Occurrences" else (*_SAID_INDICATOR, "slot")
    indicator = {k: v for k, v in plain["indicator"].items() if k not in said}
    if indicator:
        yield "indicator", flow(indicator)
    warning = {k: v for k, v in (plain.get("warning") or {}).items() if k != "burn_rate"}
    if warning:
        yield "warning", flow(warning)
    for field, value in plain.items():
        if field not in (*_SAID, "warning", "group"):
            yield field, flow(value)


def _indicator(promise: Objective, version: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(budgeting method, metric of the SLI, entry of `objectives`)."""
    indicator, target = promise.indicator, promise.target
    if isinstance(target, Bound) or not isinstance(indicator, Availability | Ratio):
        raise _Unsaid(f"an indicator of kind {indicator.kind}")
    if target == 1:
        raise _Unsaid("a target of 100 %")
    said: dict[str, Any] = {"displayName": promise.id, "target": exact_decimal(target)}
    if isinstance(indicator, Ratio):
        metric = {"ratioMetric": {"counter": False, **_sources(indicator.metric, ("good", "total"), version)}}
        if indicator.weighting == "events":
            return "Occurrences", metric, said
        return "RatioTimeslices", metric, said | {"timeSliceWindow": _shorthand(indicator.slot, "slots")}
    slices = {"timeSliceTarget": Decimal("1.0"), "timeSliceWindow": _shorthand(indicator.slot, "slots")}
    if indicator.good_when is not None:
        if indicator.good_when.operator not in OPERATORS:
            raise _Unsaid(f"good_when: {indicator.good_when}")
        compared = {"op": OPERATORS[indicator.good_when.operator], "value": indicator.good_when.limit}
        return "Timeslices", {"thresholdMetric": _source(indicator.metric, "value", version)}, said | compared | slices
    assert indicator.error_rate_over is not None
    if indicator.error_rate_over == 1:
        raise _Unsaid("error_rate_over: 100 %")
    slices["timeSliceTarget"] = exact_decimal(1 - indicator.error_rate_over)
    metric = {"ratioMetric": {"counter": False, **_sources(indicator.metric, ("good", "total"), version)}}
    return "Timeslices", metric, said | slices


def _sources(metric: str, columns: Iterable[str], version: str) -> dict[str, Any]:
    return {column: _source(metric, column, version) for column in columns}


def _source(metric: str, column: str, version: str) -> dict[str, Any]:
    query = {"metric": metric, "column": column}
    if version == "openslo/v1":
        return {"metricSource": {"type": "upheld", "spec": query}}
    return {"dataSourceSpec": {"type": "upheld"}, "spec": query}


def _sli(promise: Objective, metric: Mapping[str, Any], version: str) -> dict[str, Any]:
    name = promise.indicator.metric
    return {"metadata": {"name": slug(name), "annotations": {f"{PREFIX}metric": name}}, "spec": dict(metric)}


def _window(agreement: Agreement, period: Period, version: str) -> dict[str, Any]:
    if period.rolling is not None:
        return {"duration": _shorthand(period.rolling, "periods"), "isRolling": True}
    assert period.calendar is not None
    duration = CALENDAR_DURATIONS[period.calendar]
    if version != "openslo/v1" and period.calendar not in ("day", "week"):
        raise _Unsaid(f"a {period.calendar} in {version}, which has minutes, hours, days and weeks")
    first = _first_day(agreement, period)
    return {
        "duration": duration,
        "calendar": {"startTime": f"{first:%Y-%m-%d} 00:00:00", "timeZone": agreement.time_zone.key},
        "isRolling": False,
    }


def _first_day(agreement: Agreement, period: Period) -> datetime:
    """A day on which a period begins, near the beginning of the agreement's validity."""
    day = to_datetime(agreement.validity[0]).astimezone(agreement.time_zone).replace(tzinfo=None)
    match period.calendar:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month" if period.billing_day > 28:
            return day.replace(month=1, day=period.billing_day)  # January has every day
        case "month":
            return day.replace(day=period.billing_day)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def _policies(agreement: Agreement, promise: Objective, version: str, names: _Names) -> Iterator[dict[str, Any]]:
    for burn in promise.warning.burn_rate if promise.warning is not None else ():
        name = names.of(agreement.id, promise.id, f"burn-{_duration_text(burn.long)}")
        condition = {
            "kind": "AlertCondition",
            "metadata": {"name": name, "annotations": {f"{PREFIX}short": _duration_text(burn.short)}},
            "spec": {"severity": "at_risk", "condition": _condition(burn)},
        }
        yield {
            "apiVersion": version,
            "kind": "AlertPolicy",
            "metadata": {"name": name},
            "spec": {"alertWhenBreaching": True, "conditions": [condition], "notificationTargets": []},
        }


def _condition(burn: BurnRate) -> dict[str, Any]:
    return {
        "kind": "burnrate",
        "op": "gte",
        "threshold": exact_decimal(burn.rate),
        "lookbackWindow": _shorthand(burn.long, "burn rates"),
        "alertAfter": "0m",
    }


def exact_decimal(value: Fraction) -> Decimal:
    """A fraction that was written as a decimal, as that decimal."""
    places, scaled = 0, value
    while scaled.denominator != 1:
        scaled, places = scaled * 10, places + 1
        if places > 200:
            raise _Unsaid(f"{value}, which is no decimal")
    return Decimal(f"{scaled.numerator}E-{places}")


def _shorthand(duration: int, what: str) -> str:
    """OpenSLO's duration-shorthand: one number and one unit, from minutes upwards."""
    for size, unit in _UNITS:
        if duration % size == 0:
            return f"{duration // size}{unit}"
    raise _Unsaid(f"{what} of {_duration_text(duration)}, which is no whole number of minutes")


def _duration_text(duration: int) -> str:
    return f"{duration // 1_000}ms" if duration % MINUTE else _shorthand(duration, "")
