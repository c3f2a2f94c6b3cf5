"""OpenSLO files -> agreements as a user writes them, with what could not be taken over.

    SLO -> an objective of its service; the objectives of a service are an agreement, or those of `upheld.io/agreement`
    ratioMetric, Occurrences -> ratio by events; RatioTimeslices -> ratio by slots
    Timeslices -> availability with error_rate_over = 1 - timeSliceTarget and slots of timeSliceWindow
    thresholdMetric -> availability with good_when; AlertPolicy -> warning.burn_rate

What queries ask for is the collector's: the output says for each metric what it has to deliver. `reports.openslo` is
the way back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upheld.readers.faults import Fault, Findings, InputError
from upheld.readers.openslo_agreements import Promise, assembled, validate_agreements
from upheld.readers.openslo_alerts import burn_rates
from upheld.readers.openslo_documents import InlineSli, Metadata, Placed, SliSpec, read_objects
from upheld.readers.openslo_indicators import indicator_of
from upheld.readers.openslo_windows import period_of
from upheld.readers.yaml_source import parse_yaml
from upheld.reports.openslo import PREFIX, slug

_OF_OBJECTIVE = ("indicator", "warning", "credits", "chronic")
_KNOWN = {
    "Service": {"service", "agreements"},
    "SLO": {"service", "agreement", "valid-from", "objective", "customer", "metric", *_OF_OBJECTIVE},
    "SLI": {"metric", "indicator"},
}


@dataclass(frozen=True, slots=True)
class Imported:
    """`document` is an agreements file as plain data. `left_out` says what it does not hold, each with its file, line,
    object and field; `collect` what the collector delivers for each metric, one line each."""

    document: dict[str, Any]
    left_out: list[Fault]
    collect: list[str]


@dataclass(slots=True)
class _Reading:
    objects: Mapping[tuple[str, str], Placed]
    findings: Findings = field(default_factory=Findings)
    left_out: list[Fault] = field(default_factory=list)
    collect: list[str] = field(default_factory=list)


def read_openslo(paths: Sequence[Path], customer: str = "customer", valid_from: str = "1970-01-01") -> Imported:
    """The agreements of OpenSLO files. `customer` and `valid_from` are for SLOs that do not say: OpenSLO has neither.
    Raises InputError with every fault."""
    placed = read_objects(paths)
    reading = _Reading({(one.object.kind, one.object.metadata.name): one for one in placed})
    promises: list[Promise] = []
    heads: list[tuple[Placed, dict[str, Any]]] = []
    for one in placed:
        _check_annotations(reading, one)
        if one.object.kind == "SLO":
            promises += _promises(reading, one)
        elif one.object.kind == "Service":
            heads += _heads(reading, one)
        else:
            _note_other(reading, one)
    if not promises and not heads and not reading.findings.faults:
        first = placed[0]
        reading.findings.add(Fault(first.source.name, None, "", "holds no SLO that can be taken over"))
    agreements, origins = assembled(reading.findings, promises, heads, customer, valid_from)
    reading.findings.raise_any()
    document = {"agreements": agreements}
    validate_agreements(document, origins)
    return Imported(document, reading.left_out, list(dict.fromkeys(reading.collect)))


def _check_annotations(reading: _Reading, one: Placed) -> None:
    for name in one.object.metadata.annotations or {}:
        if not name.startswith(PREFIX):
            continue
        known = _KNOWN.get(one.object.kind, set())
        if name.removeprefix(PREFIX) not in known:
            allowed = ", ".join(f"{PREFIX}{key}" for key in sorted(known)) or "none"
            message = f"unknown annotation; allowed on {one.object.kind}: {allowed}"
            reading.findings.add(one.fault(["metadata", "annotations", name], message))


def _note_other(reading: _Reading, one: Placed) -> None:
    match one.object.kind:
        case "DataSource":
            said = "how to connect to it is the collector's; it is not taken over"
        case "AlertNotificationTarget":
            said = "whom to tell stands in notices: of an agreement; it is not taken over"
        case "BudgetAdjustment":
            said = "give it to upheld assess as an exclusion, with who approved it; it is not taken over"
        case _:
            return  # SLIs, policies and conditions are read where an SLO refers to them
    reading.left_out.append(one.fault([], said))


# -- the objectives of an SLO ---------------------------------------------------------------------------------------


def _promises(reading: _Reading, slo: Placed) -> Iterator[Promise]:
    spec, notes = slo.object.spec, slo.object.metadata.annotations or {}
    found = _sli(reading, slo, spec, ("spec",))
    try:
        zone, period, odd = period_of(slo, spec)
    except InputError as error:
        reading.findings.add_error(error)
        return
    reading.left_out += odd
    service = notes.get(f"{PREFIX}service", _service_name(reading, spec.service))
    for number, objective in enumerate(spec.objectives):
        place = ("spec", "objectives", number)
        own = _sli(reading, slo, objective, place) or found
        if objective.compositeWeight is not None:
            said = "weights of a composite are not taken over; each objective stands on its own"
            reading.left_out.append(slo.fault([*place, "compositeWeight"], said))
        if own is None:
            if not reading.findings.faults:
                message = "is missing; give indicator or indicatorRef (sli or sliRef in v2alpha)"
                reading.findings.add(slo.fault([*place], message))
            continue
        metadata, sli = own
        metric = _metric_name(slo, metadata)
        try:
            indicator, target, collected = indicator_of(reading.left_out, slo, place, objective, sli, metric)
        except InputError as error:
            reading.findings.add_error(error)
            continue
        about = " ".join((spec.description or slo.object.metadata.displayName or "").split())
        reading.collect += [f"service {service}, metric {metric}{f' ({about})' if about else ''}:", *collected]
        plain: dict[str, Any] = {
            "id": _objective_id(slo, number, len(spec.objectives)),
            "indicator": indicator | _annotation(reading, slo, metadata, "indicator", {}),
            "period": period,
            "target": target,
        }
        _add_warning(reading, slo, plain)
        for name in ("credits", "chronic"):
            given = _annotation(reading, slo, None, name, None)
            if given is not None:
                plain[name] = given
        yield Promise(
            slo, place, service, notes.get(f"{PREFIX}agreement"), notes.get(f"{PREFIX}valid-from"), zone, plain
        )


def _service_name(reading: _Reading, name: str) -> str:
    """The service's own name, where its Service document gives one."""
    service = reading.objects.get(("Service", name))
    annotations = (service.object.metadata.annotations or {}) if service is not None else {}
    return str(annotations.get(f"{PREFIX}service", name))


def _objective_id(slo: Placed, number: int, of: int) -> str:
    annotations = slo.object.metadata.annotations or {}
    given = annotations.get(f"{PREFIX}objective", slo.object.metadata.name)
    if of == 1:
        return str(given)
    name = slo.object.spec.objectives[number].displayName
    others = [o.displayName for o in slo.object.spec.objectives]
    return f"{given}-{slug(name) if name and others.count(name) == 1 else number + 1}"


def _sli(
    reading: _Reading, slo: Placed, spec: Any, place: tuple[str | int, ...]
) -> tuple[Metadata | None, SliSpec] | None:
    given = [name for name in ("indicator", "indicatorRef", "sli", "sliRef") if getattr(spec, name) is not None]
    if not given:
        return None
    if len(given) > 1:
        reading.findings.add(slo.fault([*place, given[1]], f"give either {given[0]} or {given[1]}"))
        return None
    found = getattr(spec, given[0])
    if isinstance(found, InlineSli):
        return found.metadata, found.spec
    sli = reading.objects.get(("SLI", found))
    if sli is None:
        message = f"{found!r} is in none of the files; give the file with its SLI too"
        reading.findings.add(slo.fault([*place, given[0]], message))
        return None
    return sli.object.metadata, sli.object.spec


def _metric_name(slo: Placed, metadata: Metadata | None) -> str:
    own = slo.object.metadata.annotations or {}
    of_sli = (metadata.annotations or {}) if metadata is not None else {}
    named = metadata.name if metadata is not None else slo.object.metadata.name
    return str(of_sli.get(f"{PREFIX}metric") or own.get(f"{PREFIX}metric") or named)


def _annotation(reading: _Reading, slo: Placed, metadata: Metadata | None, name: str, otherwise: Any) -> Any:
    """What an annotation of the SLO, or else of its SLI, holds in flow YAML."""
    key = PREFIX + name
    own = slo.object.metadata.annotations or {}
    text = own.get(key) or ((metadata.annotations or {}).get(key) if metadata is not None else None)
    if text is None:
        return otherwise
    return _flow(reading, slo, key, text, dict if otherwise == {} else None, otherwise)


def _flow(reading: _Reading, one: Placed, key: str, text: str, kind: type | None, otherwise: Any) -> Any:
    try:
        source = parse_yaml(text, "")
        if source.faults:
            raise InputError(source.faults)
    except InputError as error:
        message = error.faults[0].message
        reading.findings.add(one.fault(["metadata", "annotations", key], message))
        return otherwise
    if kind is not None and not isinstance(source.value, kind):
        wanted = "mapping" if kind is dict else "list"
        reading.findings.add(one.fault(["metadata", "annotations", key], f"is not a {wanted} in flow YAML"))
        return otherwise
    return source.value


def _add_warning(reading: _Reading, slo: Placed, plain: dict[str, Any]) -> None:
    warning = dict(_annotation(reading, slo, None, "warning", {}))
    rates, odd = burn_rates(slo, reading.objects, plain)
    reading.left_out += odd
    if rates:
        warning["burn_rate"] = rates
    if warning:
        plain["warning"] = warning


def _heads(reading: _Reading, service: Placed) -> list[tuple[Placed, dict[str, Any]]]:
    key = f"{PREFIX}agreements"
    text = (service.object.metadata.annotations or {}).get(key)
    if text is None:
        return []
    found = _flow(reading, service, key, text, list, [])
    heads = [(service, dict(head)) for head in found if isinstance(head, dict)]
    if len(heads) < len(found) or not all(isinstance(h.get("valid"), dict) and "id" in h for _, h in heads):
        reading.findings.add(service.fault(["metadata", "annotations", key], "is not a list of agreements"))
        return []
    return heads
