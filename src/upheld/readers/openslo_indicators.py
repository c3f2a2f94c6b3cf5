"""What an SLO measures -> the indicator and the target of an objective, and what the collector delivers for it."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from upheld.agreements.units import format_duration
from upheld.readers.faults import Fault, InputError
from upheld.readers.openslo_documents import Metric, Placed, SliSpec, SloObjective
from upheld.readers.openslo_windows import shorthand, whole_minutes
from upheld.reports.openslo import OPERATORS, exact_decimal

_WRITTEN = {word: sign for sign, word in OPERATORS.items()}


def indicator_of(
    left_out: list[Fault], slo: Placed, place: tuple[str | int, ...], objective: SloObjective, sli: SliSpec, metric: str
) -> tuple[dict[str, Any], str, list[str]]:
    """(the indicator as an agreement has it, its target, what the collector delivers) of the objective at `place`.
    What is not taken over as it is written is added to `left_out`. Raises InputError where there is no indicator."""
    ratio, threshold, method = sli.ratioMetric, sli.thresholdMetric, slo.object.spec.budgetingMethod
    if (ratio is None) == (threshold is None):
        raise InputError([slo.fault([*place], "its indicator has either ratioMetric or thresholdMetric")])
    target = _target(slo, place, objective)
    slot = _slot(slo, place, objective, method)
    if threshold is not None:
        return _threshold(slo, place, objective, threshold, metric, target, slot)
    assert ratio is not None
    if ratio.raw is not None:
        return _precomputed(left_out, slo, place, objective, ratio.raw, ratio.rawType, metric, target, slot)
    counted = "good" if ratio.good is not None else "bad"
    source = ratio.good or ratio.bad
    if source is None or ratio.total is None or (ratio.good is not None and ratio.bad is not None):
        message = "its ratioMetric has total with either good or bad, or raw with rawType"
        raise InputError([slo.fault([*place], message)])
    counts = "a counter: deliver its increase" if ratio.counter else "deliver counts"
    collected = [
        f"  good and total, {counts}",
        f"  {'good' if counted == 'good' else 'good = total - bad; bad'}: {_query(source)}",
        f"  total: {_query(ratio.total)}",
    ]
    if method == "Timeslices":
        _note_direction(left_out, slo, place, objective)
        over = _share(1 - Fraction(_slice_target(slo, place, objective)))
        return _availability(metric, slot, {"error_rate_over": over}), target, collected
    if objective.op in ("lt", "lte"):
        message = f"{objective.op} does not go with a ratio, which is better the greater it is"
        raise InputError([slo.fault([*place, "op"], message)])
    indicator: dict[str, Any] = {"kind": "ratio", "metric": metric}
    if method == "RatioTimeslices":
        indicator |= {"slot": slot, "weighting": "slots"}
    return indicator, target, collected


def _availability(metric: str, slot: str | None, said: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "availability", "metric": metric, **said, **({} if slot is None else {"slot": slot})}


def _threshold(
    slo: Placed,
    place: tuple[str | int, ...],
    objective: SloObjective,
    threshold: Metric,
    metric: str,
    target: str,
    slot: str | None,
) -> tuple[dict[str, Any], str, list[str]]:
    for name in ("op", "value"):
        if getattr(objective, name) is None:
            raise InputError([slo.fault([*place, name], "is missing; a thresholdMetric is compared with op and value")])
    good = f"{_WRITTEN[str(objective.op)]} {objective.value}"
    query, method = _query(threshold), slo.object.spec.budgetingMethod
    if method == "RatioTimeslices":
        message = "RatioTimeslices needs a ratioMetric; a threshold has Occurrences or Timeslices"
        raise InputError([slo.fault(["spec", "budgetingMethod"], message)])
    if method == "Timeslices" and _slice_target(slo, place, objective) < 1:
        over = _share(1 - Fraction(_slice_target(slo, place, objective)))
        collected = ["  good and total", f"  good: how many values are {good}; total: how many there are; of: {query}"]
        return _availability(metric, slot, {"error_rate_over": over}), target, collected
    said = ["  value, one for each slot" if method == "Occurrences" else "  value", f"  value: {query}"]
    return _availability(metric, slot, {"good_when": good}), target, said


def _precomputed(
    left_out: list[Fault],
    slo: Placed,
    place: tuple[str | int, ...],
    objective: SloObjective,
    raw: Metric,
    raw_type: str | None,
    metric: str,
    target: str,
    slot: str | None,
) -> tuple[dict[str, Any], str, list[str]]:
    """A ratio that is stored as such: by slices it is compared, over a period its mean is."""
    if raw_type is None:
        raise InputError([slo.fault([*place], "its ratioMetric has raw without rawType: success or failure")])
    success, method = raw_type == "success", slo.object.spec.budgetingMethod
    collected = ["  value, a ratio from 0 to 1", f"  value: {_query(raw)}"]
    if method == "Timeslices":
        _note_direction(left_out, slo, place, objective)
        least = Fraction(_slice_target(slo, place, objective))
        bound = f">= {exact_decimal(least)}" if success else f"<= {exact_decimal(1 - least)}"
        said: dict[str, Any] = {"good_when": bound, "slot_rule": "mean"}
        return _availability(metric, slot, said), target, collected
    if method == "Occurrences":
        said_ = "of a stored ratio the number of events is not known: the mean of its values is taken"
        left_out.append(slo.fault(["spec", "budgetingMethod"], said_))
    least = Fraction(target.removesuffix(" %")) / 100
    bound = f">= {exact_decimal(least)}" if success else f"<= {exact_decimal(1 - least)}"
    indicator = {"kind": "aggregate", "metric": metric, "aggregate": "mean"}
    return indicator | ({} if slot is None else {"slot": slot}), bound, collected


def _note_direction(left_out: list[Fault], slo: Placed, place: tuple[str | int, ...], objective: SloObjective) -> None:
    if objective.op in ("lt", "lte"):
        message = f"{objective.op} does not go with a ratio, which is better the greater it is"
        raise InputError([slo.fault([*place, "op"], message)])
    if objective.op == "gt":
        said = "a slot with exactly timeSliceTarget counts as good here; gt would count it as bad"
        left_out.append(slo.fault([*place, "op"], said))


def _target(slo: Placed, place: tuple[str | int, ...], objective: SloObjective) -> str:
    if (objective.target is None) == (objective.targetPercent is None):
        raise InputError([slo.fault([*place, "target"], "give either target or targetPercent")])
    if objective.targetPercent is not None:
        return f"{objective.targetPercent} %"
    return _share(Fraction(objective.target or 0))


def _share(share: Fraction) -> str:
    return f"{exact_decimal(share * 100):f} %"


def _slot(slo: Placed, place: tuple[str | int, ...], objective: SloObjective, method: str) -> str | None:
    window = objective.timeSliceWindow
    if window is None:
        if method != "Occurrences":
            message = f"is missing; budgetingMethod {method} needs it"
            raise InputError([slo.fault([*place, "timeSliceWindow"], message)])
        return None
    if isinstance(window, int):
        window = f"{window}m"
    try:
        return format_duration(whole_minutes(shorthand(window))).replace(" ", "")
    except ValueError as error:
        raise InputError([slo.fault([*place, "timeSliceWindow"], f"{window!r}: {error}")]) from None


def _slice_target(slo: Placed, place: tuple[str | int, ...], objective: SloObjective) -> Any:
    if objective.timeSliceTarget is None:
        message = "is missing; budgetingMethod Timeslices needs it"
        raise InputError([slo.fault([*place, "timeSliceTarget"], message)])
    return objective.timeSliceTarget


def _query(metric: Metric) -> str:
    """What a metric asks for, for people: the kind of its source and the query; connection details are left out."""
    source = metric.metricSource
    spec = source.spec if source is not None else metric.spec
    of = (source.metricSourceRef, source.type) if source is not None else (metric.dataSourceRef, None)
    if of == (None, None) and isinstance(metric.dataSourceSpec, Mapping):
        of = (None, metric.dataSourceSpec.get("type"))
    query = spec.get("query") if isinstance(spec, Mapping) else spec
    if not isinstance(query, str):
        items = spec.items() if isinstance(spec, Mapping) else ()
        query = ", ".join(f"{k}: {v}" for k, v in items if not _is_secret(k)) or "(no query)"
    named = " ".join(str(part) for part in of if part)
    return f"{named}: {' '.join(query.split())}" if named else " ".join(query.split())


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in ("secret", "token", "password", "key"))
