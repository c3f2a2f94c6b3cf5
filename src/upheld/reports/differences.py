"""What differs between the verdicts that a scenario expects and those that were found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Credit, Verdict

KEY = ("agreement", "objective", "service", "period_start")
_INSTANTS = ("period_start", "period_end", "at_risk_at", "violated_at", "claim_by")
_DECIMALS = ("attained", "budget", "spent", "relative_error")
_LISTS = {"evidence": {"start", "end", "kind"}, "consequences": {"right", "since"}}
"""Fields that are lists, each with what is told of an entry that was not expected."""
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """A verdict as a scenario expects it: `fields` are those of `Verdict` that it gives, instants in microseconds UTC,
    figures as decimals, `evidence` as a list of mappings. `line` is where it stands."""

    line: int
    fields: Mapping[str, Any]


def differences(expected: Expected, verdicts: Sequence[Verdict]) -> list[str]:
    """What differs, one line each; empty where all the fields given are as expected. The verdict is found by its key
    fields, of which those that are not given fit any."""
    key = {name: expected.fields[name] for name in KEY if name in expected.fields}
    named = " ".join(_text(name, value) for name, value in key.items())
    found = [v for v in verdicts if all(getattr(v, name) == value for name, value in key.items())]
    if not found:
        return [f"{named}: there is no such verdict{_nearest(key, verdicts)}"]
    if len(found) > 1:
        starts = ", ".join(_key_text(v) for v in found[:_NEAR])
        return [f"{named}: names {len(found)} verdicts, such as {starts}; give more of {', '.join(KEY)}"]
    differing = []
    for name, wanted in expected.fields.items():
        got = _comparable(name, found[0], wanted)
        if got != wanted:
            differing.append(f"{named}: {name}: expected {_text(name, wanted)}, got {_text(name, got)}")
    return differing


def _comparable(name: str, verdict: Verdict, wanted: Any) -> Any:
    """The verdict's field in the form of what is wanted."""
    value = getattr(verdict, name)
    if name in _DECIMALS:
        return None if value is None else Decimal(value)
    if name in _LISTS:
        given = [set(entry) for entry in wanted]
        given += [set(given[-1])] * (len(value) - len(given)) if given else [_LISTS[name]] * len(value)
        return [{f: getattr(e, f) for f in fields} for e, fields in zip(value, given, strict=False)]
    return value


def _nearest(key: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "; there are none at all"
    ranked = sorted(verdicts, key=lambda v: -sum(getattr(v, name) == value for name, value in key.items()))
    near = "; ".join(_key_text(v) for v in ranked[:_NEAR])
    return f"; the nearest of {len(verdicts):,}: {near}"


def _key_text(verdict: Verdict) -> str:
    return " ".join(_text(name, getattr(verdict, name)) for name in KEY)


def _text(name: str, value: Any) -> str:
    if value is None:
        return "null"
    if name in _INSTANTS:
        return format_instant(value)
    if isinstance(value, Credit):
        return f"{value.amount} {value.currency}"
    if name == "evidence":
        return "[" + ", ".join(_interval_text(entry) for entry in value) + "]"
    if name == "consequences":
        return "[" + ", ".join(_right_text(entry) for entry in value) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _right_text(entry: Mapping[str, Any]) -> str:
    since = f" since {format_instant(entry['since'])}" if entry.get("since") is not None else ""
    return f"{entry['right']}{since}" + (f" ({entry['reason']})" if entry.get("reason") else "")


def _interval_text(entry: Mapping[str, Any]) -> str:
    reason = f" ({entry['reason']})" if entry.get("reason") else ""
    return f"{entry['kind']} {format_instant(entry['start'])} to {format_instant(entry['end'])}{reason}"
