"""OpenSLO's alert policies -> burn rates of a soft threshold. OpenSLO has one window; the short one of DESIGN rule 8 is
`upheld.io/short`, else `alertAfter`, else a twelfth of the long one (Google SRE workbook, chapter 5)."""

from collections.abc import Mapping, Sequence
from typing import Any

from upheld.agreements.units import format_duration, parse_duration
from upheld.readers.faults import Fault, InputError
from upheld.readers.openslo_documents import (
    AlertCondition,
    AlertPolicy,
    Metadata,
    Placed,
    PolicySpec,
)
from upheld.readers.openslo_windows import shorthand, whole_minutes
from upheld.readers.validation import validate
from upheld.readers.yaml_source import Node, Source, child
from upheld.reports.openslo import PREFIX

Objects = Mapping[tuple[str, str], Placed]


def burn_rates(slo: Placed, objects: Objects, plain: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Fault]]:
    """(the burn rates that the policies of an SLO alert on, what of the policies could not be taken over). `plain` is
    the objective that they are for. Raises InputError where a policy or condition is wrong in itself."""
    rates: list[dict[str, Any]] = []
    odd: list[Fault] = []
    for number, given in enumerate(slo.object.spec.alertPolicies or ()):
        place = ("spec", "alertPolicies", number)
        policy = _resolved(slo, place, given, "alertPolicyRef", "AlertPolicy", objects)
        if isinstance(policy, Fault):
            odd.append(policy)
            continue
        _read_policy(policy, objects, plain, rates, odd)
    return rates, list(dict.fromkeys(odd))


def _read_policy(
    policy: Placed, objects: Objects, plain: Mapping[str, Any], rates: list[dict[str, Any]], odd: list[Fault]
) -> None:
    spec: PolicySpec = policy.object.spec
    for name in ("alertWhenNoData", "alertWhenResolved"):
        if getattr(spec, name):
            said = "is not taken over: a verdict without data, and the end of a case, are told in ways of their own"
            odd.append(policy.fault(("spec", name), said))
    if spec.notificationTargets:
        said = "whom to tell stands in notices: of an agreement; it is not taken over"
        odd.append(policy.fault(("spec", "notificationTargets"), said))
    if spec.alertWhenBreaching is False:
        odd.append(policy.fault(("spec", "alertWhenBreaching"), "is false; its conditions are not taken over"))
        return
    for number, given in enumerate(spec.conditions):
        place = ("spec", "conditions", number)
        condition = _resolved(policy, place, given, "conditionRef", "AlertCondition", objects)
        if isinstance(condition, Fault):
            odd.append(condition)
            continue
        rate = _burn_rate(condition, plain, odd)
        if rate is not None and rate not in rates:
            rates.append(rate)


def _resolved(
    holder: Placed, place: Sequence[str | int], given: Any, reference: str, kind: str, objects: Objects
) -> Placed | Fault:
    """The object that stands inline or is referred to; a fault where it is in none of the files."""
    name = given if isinstance(given, str) else given.get(reference) if isinstance(given, dict) else None
    if isinstance(name, str):
        found = objects.get((kind, name))
        return found or holder.fault(place, f"{name!r} is in none of the files; what it says is not taken over")
    if not isinstance(given, dict):
        raise InputError([holder.fault(place, f"is neither a {kind} nor its name")])
    node: Node | None = holder.source.root
    for step in place:
        node = child(node, step) if node is not None else None
    assert node is not None, "the entry stands in the document"
    model = AlertPolicy if kind == "AlertPolicy" else AlertCondition
    version = {"apiVersion": holder.object.apiVersion, "kind": kind}
    whole = Node(version | given, node.line, dict(node.children) if isinstance(node.children, dict) else None)
    if "metadata" not in given:
        whole.value["metadata"] = {"name": holder.object.metadata.name}
    try:
        return Placed(Source(holder.source.name, whole), validate(model, Source(holder.source.name, whole)))
    except InputError as error:
        title = f"{holder.title}, inline {kind}"
        raise InputError([Fault(f.file, f.line, f"{title}: {f.field}", f.message) for f in error.faults]) from None


def _burn_rate(condition: Placed, plain: Mapping[str, Any], odd: list[Fault]) -> dict[str, Any] | None:
    place, said = ("spec", "condition"), condition.object.spec.condition
    if said.kind != "burnrate":
        odd.append(condition.fault((*place, "kind"), f"{said.kind!r} is not burnrate; it is not taken over"))
        return None
    if said.op in ("lt", "lte"):
        message = f"{said.op} alerts while the budget burns slowly; it is not taken over"
        odd.append(condition.fault((*place, "op"), message))
        return None
    if plain["indicator"]["kind"] == "aggregate":
        odd.append(condition.fault(place, "a mean over the period has no budget to burn; it is not taken over"))
        return None
    try:
        long = whole_minutes(shorthand(said.lookbackWindow))
    except ValueError as error:
        raise InputError([condition.fault((*place, "lookbackWindow"), f"{said.lookbackWindow!r} {error}")]) from None
    short = _short(condition, long, _slot(plain), odd)
    if short is None:
        return None
    return {"rate": said.threshold, "long": _text(long), "short": _text(short)}


def _short(condition: Placed, long: int, slot: int, odd: list[Fault]) -> int | None:
    metadata: Metadata = condition.object.metadata
    given = (metadata.annotations or {}).get(f"{PREFIX}short")
    if given is not None:
        try:
            return parse_duration(given)
        except ValueError as error:
            place = ("metadata", "annotations", f"{PREFIX}short")
            raise InputError([condition.fault(place, str(error))]) from None
    if long < 2 * slot:
        message = f"{_text(long)} is too short for two windows of slots of {_text(slot)}; it is not taken over"
        odd.append(condition.fault(("spec", "condition", "lookbackWindow"), message))
        return None
    after = condition.object.spec.condition.alertAfter
    place = ("spec", "condition", "alertAfter")
    short = 0
    if after is not None and after != "0m":
        try:
            short = whole_minutes(shorthand(after))
        except ValueError as error:
            raise InputError([condition.fault(place, f"{after!r} {error}")]) from None
    if not 0 < short < long:
        short = long // 12
    short = max(short // slot, 1) * slot
    message = f"{after or 'nothing'}: the burn must also hold over the last {_text(short)}; OpenSLO has no short window"
    odd.append(condition.fault(place, message))
    return short


def _slot(plain: Mapping[str, Any]) -> int:
    return parse_duration(plain["indicator"].get("slot", "1m"))


def _text(duration: int) -> str:
    return format_duration(duration).replace(" ", "")
