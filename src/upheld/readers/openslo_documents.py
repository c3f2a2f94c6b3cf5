"""OpenSLO documents as they are written: a stream of YAML documents, each an object or a list of objects, of
`openslo/v1` or `openslo.com/v2alpha` (github.com/OpenSLO/OpenSLO).

Every object is validated with its lines; a field that OpenSLO does not know is a fault, as it is in agreements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field

from upheld.readers.faults import Fault, Findings, InputError, did_you_mean, one_of
from upheld.readers.validation import validate
from upheld.readers.yaml_source import Node, Source, parse_yaml, read_text

V1, V2 = "openslo/v1", "openslo.com/v2alpha"

Number = Annotated[Decimal, Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1, decimal_places=15)]
Operator = Literal["lte", "gte", "lt", "gt"]
Free: TypeAlias = Any
"""What OpenSLO leaves to the implementations."""


class Part(BaseModel):
    """A part of an object: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Metadata(Part):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    displayName: str | None = None  # noqa: N815  # OpenSLO's own names, here and below
    labels: Mapping[str, Free] | None = None
    annotations: Mapping[str, str] | None = None


class MetricSource(Part):
    metricSourceRef: str | None = None  # noqa: N815
    type: str | None = None
    spec: Free = None


class Metric(Part):
    """v1 has `metricSource`; v2alpha has a reference or a data source, and the query itself in `spec`."""

    metricSource: MetricSource | None = None  # noqa: N815
    dataSourceRef: str | None = None  # noqa: N815
    dataSourceSpec: Free = None  # noqa: N815
    spec: Free = None


class RatioMetric(Part):
    counter: bool | None = None
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    rawType: Literal["success", "failure"] | None = None  # noqa: N815
    raw: Metric | None = None


class SliSpec(Part):
    description: str | None = None
    thresholdMetric: Metric | None = None  # noqa: N815
    ratioMetric: RatioMetric | None = None  # noqa: N815


class InlineSli(Part):
    metadata: Metadata | None = None
    spec: SliSpec


class Calendar(Part):
    startTime: str  # noqa: N815
    timeZone: str  # noqa: N815


class TimeWindow(Part):
    duration: str
    isRolling: bool | None = None  # noqa: N815
    calendar: Calendar | None = None


class SloObjective(Part):
    displayName: str | None = None  # noqa: N815
    labels: Mapping[str, Free] | None = None
    op: Operator | None = None
    value: Number | None = None
    target: Share | None = None
    targetPercent: Annotated[Number, Field(ge=0, le=100, decimal_places=13)] | None = None  # noqa: N815
    timeSliceTarget: Share | None = None  # noqa: N815
    timeSliceWindow: int | str | None = None  # noqa: N815
    indicator: InlineSli | None = None
    indicatorRef: str | None = None  # noqa: N815
    sli: InlineSli | None = None
    sliRef: str | None = None  # noqa: N815
    compositeWeight: Number | None = None  # noqa: N815


class SloSpec(Part):
    description: str | None = None
    service: Annotated[str, Field(min_length=1)]
    indicator: InlineSli | None = None
    indicatorRef: str | None = None  # noqa: N815
    sli: InlineSli | None = None
    sliRef: str | None = None  # noqa: N815
    timeWindow: tuple[TimeWindow, ...] = ()  # noqa: N815
    budgetingMethod: Literal["Occurrences", "Timeslices", "RatioTimeslices"]  # noqa: N815
    objectives: Annotated[tuple[SloObjective, ...], Field(min_length=1)]
    alertPolicies: tuple[Free, ...] | None = None  # noqa: N815


class BurnCondition(Part):
    kind: str = "burnrate"
    op: Operator | None = None
    threshold: Number
    lookbackWindow: str  # noqa: N815
    alertAfter: str | None = None  # noqa: N815


class ConditionSpec(Part):
    description: str | None = None
    severity: str | None = None
    condition: BurnCondition


class PolicySpec(Part):
    description: str | None = None
    alertWhenNoData: bool | None = None  # noqa: N815
    alertWhenResolved: bool | None = None  # noqa: N815
    alertWhenBreaching: bool | None = None  # noqa: N815
    conditions: tuple[Free, ...] = ()
    notificationTargets: tuple[Free, ...] = ()  # noqa: N815


class DescribedSpec(Part):
    description: str | None = None


class TargetSpec(Part):
    description: str | None = None
    target: str


class DataSourceSpec(Part):
    description: str | None = None
    type: str
    connectionDetails: Free = None  # noqa: N815


class _Object(Part):
    apiVersion: Literal["openslo/v1", "openslo.com/v2alpha"]  # noqa: N815
    kind: str
    metadata: Metadata


class Slo(_Object):
    spec: SloSpec


class Sli(_Object):
    spec: SliSpec


class AlertPolicy(_Object):
    spec: PolicySpec


class AlertCondition(_Object):
    spec: ConditionSpec


class AlertNotificationTarget(_Object):
    spec: TargetSpec


class Service(_Object):
    spec: DescribedSpec | None = None


class DataSource(_Object):
    spec: DataSourceSpec


class BudgetAdjustment(_Object):
    spec: Free = None


KINDS: Mapping[str, type[_Object]] = {
    "SLO": Slo,
    "SLI": Sli,
    "Service": Service,
    "DataSource": DataSource,
    "AlertPolicy": AlertPolicy,
    "AlertCondition": AlertCondition,
    "AlertNotificationTarget": AlertNotificationTarget,
    "BudgetAdjustment": BudgetAdjustment,
}


@dataclass(frozen=True, slots=True)
class Placed:
    """An object and where it stands."""

    source: Source
    object: Any

    @property
    def title(self) -> str:
        return f"{self.object.kind} {self.object.metadata.name}"

    def fault(self, path: Sequence[str | int], message: str) -> Fault:
        """A fault of the field at `path`: its file, line, object and field."""
        return fault_of(self.source, self.title, path, message)


def fault_of(source: Source, title: str, path: Sequence[str | int], message: str) -> Fault:
    """A fault of a field of an object that is called `title`."""
    field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return Fault(source.name, source.line(path), f"{title}: {field}" if field else title, message)


def read_objects(paths: Sequence[Path]) -> list[Placed]:
    """Every OpenSLO object of the files, in their order. Raises InputError with every fault of all files."""
    findings, placed = Findings(), []
    for path in paths:
        try:
            found = parse_objects(read_text(path), str(path))
            placed += found
        except InputError as error:
            findings.add_error(error)
    _check_unique(placed, findings)
    findings.raise_any()
    return placed


def parse_objects(text: str, name: str) -> list[Placed]:
    """As `read_objects`, of the text of one file."""
    findings, placed = Findings(), []
    for source in _sources(text, name):
        findings.add(*source.faults)
        for node in _nodes(source.root):
            try:
                placed.append(_object(Source(name, node)))
            except InputError as error:
                findings.add_error(error)
    if not placed and not findings.faults:
        findings.add(Fault(name, None, "", "holds no OpenSLO object"))
    findings.raise_any()
    return placed


def _nodes(root: Node) -> list[Node]:
    return root.children if isinstance(root.children, list) else [root]


def _sources(text: str, name: str) -> Iterator[Source]:
    """Each document of a stream, with its lines counted from the file's beginning."""
    try:
        events: Iterable[Any] = yaml.parse(text)
        starts = [mark.line for e in events if isinstance(e, yaml.DocumentStartEvent) and (mark := e.start_mark)]
    except yaml.YAMLError:
        starts = []
    if len(starts) < 2:
        yield parse_yaml(text, name)
        return
    lines = text.splitlines(keepends=True)
    starts[0] = 0
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        source = parse_yaml("\n" * start + "".join(lines[start:end]), name)
        if source.value is not None:
            yield source


def _object(source: Source) -> Placed:
    if not isinstance(source.value, dict):
        raise InputError([Fault(source.name, source.root.line, "", "is not an OpenSLO object: a mapping with a kind")])
    version, kind = source.value.get("apiVersion"), source.value.get("kind")
    metadata = source.value.get("metadata")
    called = metadata.get("name") if isinstance(metadata, dict) else None
    title = f"{kind} {called}" if isinstance(kind, str) and kind in KINDS and called else "object"
    if version not in (V1, V2):
        message = f"{version!r} is not {V1} or {V2}" if version is not None else f"is missing; {V1} or {V2}"
        raise InputError([fault_of(source, title, ["apiVersion"], message)])
    if not isinstance(kind, str) or kind not in KINDS:
        near = did_you_mean(str(kind), KINDS)
        raise InputError([fault_of(source, title, ["kind"], f"{kind!r} is not {one_of(list(KINDS))}{near}")])
    try:
        return Placed(source, validate(KINDS[kind], source))
    except InputError as error:
        faults = [Fault(f.file, f.line, f"{title}: {f.field}" if f.field else title, f.message) for f in error.faults]
        raise InputError(faults) from None


def _check_unique(placed: Sequence[Placed], findings: Findings) -> None:
    seen: dict[tuple[str, str], Placed] = {}
    for one in placed:
        key = one.object.kind, one.object.metadata.name
        if key in seen:
            first = seen[key].source
            findings.add(one.fault(["metadata", "name"], f"stands twice; also in {first.name}:{first.root.line}"))
        seen.setdefault(key, one)
