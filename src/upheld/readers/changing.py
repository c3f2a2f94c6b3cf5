"""Single changes of agreements, as `agreement/objective/field=value`, without a second file."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from upheld.agreements.model import Agreement, Portfolio
from upheld.readers.faults import Fault, InputError, did_you_mean
from upheld.readers.validation import validate
from upheld.readers.yaml_source import Node, Source, child, parse_yaml


def changed_portfolio(source: Source, changes: Sequence[str]) -> Portfolio:
    """The portfolio of a source with these changes. A path is an agreement's id, an objective's id where the field is
    one of an objective, and fields and positions below it, parted by `/`; a value is YAML. A field that is not there is
    added; an agreement's amendments are changed with it. Raises InputError."""
    value = deepcopy(source.value)
    for change in changes:
        path, equals, text = change.partition("=")
        if not equals or not path.strip() or not text.strip():
            raise _fault(change, "is written as agreement/objective/field=value")
        parsed = parse_yaml(text.strip(), f"--set {change}")
        if parsed.faults:
            raise InputError(parsed.faults)
        for agreement, rest in _agreements(value, path.strip(), change):
            _put(*_within(agreement, rest, change), change, parsed.value)
    return validate(Portfolio, Source(f"{source.name}, changed", _node(value, source.root)))


def _agreements(value: Any, path: str, change: str) -> list[tuple[dict[str, Any], str]]:
    ids = [str(agreement.get("id")) for agreement in value["agreements"]]
    name = max((one for one in ids if path.startswith(f"{one}/")), key=len, default=None)
    if name is None:
        first = path.partition("/")[0]
        raise _fault(change, f"there is no agreement {first!r}{did_you_mean(first, ids)}")
    return [(one, path[len(name) + 1 :]) for one in value["agreements"] if one.get("id") == name]


def _within(agreement: dict[str, Any], path: str, change: str) -> tuple[dict[str, Any], list[str]]:
    """The objective or the agreement that the path goes on in, and the steps there."""
    listed = agreement.get("objectives")
    entries = listed if isinstance(listed, list) else []  # an earlier change may have made anything of it
    objectives = {str(one.get("id")): one for one in entries if isinstance(one, dict)}
    name = max((one for one in objectives if path.startswith(f"{one}/")), key=len, default=None)
    if name is not None:
        return objectives[name], path[len(name) + 1 :].split("/")
    steps = path.split("/")
    if len(steps) > 1 and steps[0] not in Agreement.model_fields:
        raise _fault(change, f"there is no objective {steps[0]!r}{did_you_mean(steps[0], objectives)}")
    return agreement, steps


def _put(holder: Any, steps: Sequence[str], change: str, value: Any) -> None:
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(holder, list):
            if not step.isdigit() or int(step) >= len(holder):
                raise _fault(change, f"{step!r} is no position of a list of {len(holder)}, counted from 0")
            if last:
                holder[int(step)] = value
            else:
                holder = holder[int(step)]
        elif isinstance(holder, dict):
            if last:
                holder[step] = value
            else:
                holder = holder.setdefault(step, {})
        else:
            raise _fault(change, f"{'/'.join(steps[:number])} has no fields")


def _fault(change: str, message: str) -> InputError:
    return InputError([Fault("--set", None, change, message)])


def _node(value: Any, old: Node) -> Node:
    """The value's tree with the lines that it had before; what is new stands where its holder does."""
    if isinstance(value, dict):
        return Node(value, old.line, {k: _node(v, child(old, k) or Node(v, old.line)) for k, v in value.items()})
    if isinstance(value, list):
        return Node(value, old.line, [_node(v, child(old, i) or Node(v, old.line)) for i, v in enumerate(value)])
    return Node(value, old.line)
