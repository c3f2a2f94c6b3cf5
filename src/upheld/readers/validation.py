"""Validates a YAML source against a model, and says in plain words what is wrong with it: line, field, what was found
and what is allowed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from upheld.readers.faults import Fault, InputError, did_you_mean, one_of
from upheld.readers.kept import NUL, nul_at
from upheld.readers.yaml_source import Node, Source, child, field_text

Model = TypeVar("Model", bound=BaseModel)

_SECRET_FIELDS = {"secret", "password", "token"}
_NAMED = re.compile(r"([a-z_]+(?:-[a-z]+)?(?:\.(?:[a-z_]+|\d+))*): (.*)", re.DOTALL)
_TWICE = re.compile(r"'(.*)' stands twice")


def validate(model: type[Model], source: Source) -> Model:
    """The source as a `model`. Raises InputError with every fault of the document, in the order of its lines."""
    faults = list(source.faults)
    if not isinstance(source.value, dict):
        fields = ", ".join(_names(model))
        faults.append(Fault(source.name, source.root.line, "", f"is a mapping with the fields {fields}"))
        raise InputError(faults)
    try:
        valid = model.model_validate(source.value)
    except ValidationError as error:
        faults += _faults(model, source, error.errors(include_url=False))
        valid = None
    if faults:
        raise InputError(sorted(set(faults), key=lambda fault: (fault.line or 0, fault.field)))
    assert valid is not None
    return valid


def validate_record(
    model: type[Model], record: Mapping[str, Any], fault: Callable[[str, str], Fault]
) -> Model | list[Fault]:
    """One flat record, such as a CSV line, as a `model`, or its faults, each made by `fault(field, message)`."""
    if (place := nul_at(record)) is not None:
        return [fault(field_text(place), NUL)]
    try:
        return model.model_validate(record)
    except ValidationError as error:
        return [
            fault(field_text(one["loc"]), _message(model, one, one["loc"])) for one in error.errors(include_url=False)
        ]


_OF_A_KIND = {
    "string_type",
    "tuple_type",
    "list_type",
    "model_type",
    "model_attributes_type",
    "mapping_type",
    "dict_type",
}
"""That a value is not text, not a list or not a mapping."""


def _faults(model: type[BaseModel], source: Source, errors: Sequence[ErrorDetails]) -> list[Fault]:
    """The faults of a document. Where a field may be of several kinds, what is wrong inside the value tells which it is
    meant to be: that it is not of another kind is not told then."""
    placed = [(_path(source.root, one), one) for one in errors if not _follows(one)]
    inside = {path[:depth] for path, _ in placed for depth in range(len(path))}
    return [
        _fault(model, source, path, one) for path, one in placed if one["type"] not in _OF_A_KIND or path not in inside
    ]


def _follows(error: ErrorDetails) -> bool:
    """Whether an error only follows from others: a list counts as too short where all of its entries are faulty."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def _fault(model: type[BaseModel], source: Source, path: tuple[str | int, ...], error: ErrorDetails) -> Fault:
    message = _message(model, error, path)
    path, message = _named_field(source, path, message)
    return Fault(source.name, _line(source, path, message), field_text(path), message)


def _path(root: Node, error: ErrorDetails) -> tuple[str | int, ...]:
    """The error's place as the document has it: what pydantic adds for unions and mapping keys is left out."""
    path: list[str | int] = []
    node = root
    for step in error["loc"]:
        below = child(node, step)
        if below is not None:
            path.append(step)
            node = below
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    if error["type"].startswith("union_tag"):
        path.append(error.get("ctx", {}).get("discriminator", "").strip("'"))
    return tuple(path)


def _named_field(source: Source, path: tuple[str | int, ...], message: str) -> tuple[tuple[str | int, ...], str]:
    """A rule over several fields begins its message with the one at fault: `period.rolling: is ...`."""
    match = _NAMED.fullmatch(message)
    if match is None:
        return path, message
    steps = tuple(int(step) if step.isdigit() else step for step in match[1].split("."))
    node: Node | None = source.root
    for step in (*path, *steps):
        node = child(node, step) if node is not None else None
    return ((*path, *steps), match[2]) if node is not None else (path, message)


def _line(source: Source, path: tuple[str | int, ...], message: str) -> int:
    twice = _TWICE.fullmatch(message)
    if twice is not None:
        listed = _at(source.value, path)
        found = [i for i, one in enumerate(listed) if (one["id"] if isinstance(one, dict) else one) == twice[1]]
        return source.line((*path, found[1]))
    return source.line(path)


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        value = value[step]
    return value


# -- messages -------------------------------------------------------------------------------------------------


def _message(model: type[BaseModel], error: ErrorDetails, path: Sequence[str | int]) -> str:
    context = error.get("ctx", {})
    found = "" if _SECRET_FIELDS & {str(step) for step in path} else f"{_shown(error['input'])} "
    match error["type"]:
        case "value_error":
            return _said(str(context["error"]), error["input"], found)
        case "missing":
            return "is missing"
        case "extra_forbidden":
            allowed = _names(_model_at(model, error["loc"][:-1]))
            return f"unknown field{did_you_mean(str(path[-1]), allowed)}; allowed: {', '.join(allowed)}"
        case "literal_error":
            return _not_among(error["input"], re.findall(r"'([^']*)'", context["expected"]))
        case "union_tag_invalid":
            return _not_among(context["tag"], re.findall(r"'([^']*)'", context["expected_tags"]))
        case "union_tag_not_found":
            return "is missing"
    return found + _wanted(error["type"], context, error["msg"])


def _said(message: str, value: object, found: str) -> str:
    """A rule's own message, with the value that it speaks of."""
    if isinstance(value, dict | list) or not found or _NAMED.fullmatch(message):
        return message
    if message.startswith(("is ", "has ")):
        return found + message
    return message if message.startswith((found.strip(), str(value))) else f"{found.strip()}: {message}"


def _not_among(found: object, allowed: Sequence[str]) -> str:
    near = did_you_mean(found, allowed) if isinstance(found, str) else ""
    return f"{_shown(found)} is not {one_of(allowed)}{near}"


def _wanted(kind: str, context: Mapping[str, Any], otherwise: str) -> str:
    match kind:
        case "string_type":
            return "is not text; write it in quotes"
        case "string_pattern_mismatch":
            return _wanted_pattern(context["pattern"])
        case "string_too_short":
            return f"has fewer than {_count(context['min_length'], 'character')}"
        case "string_too_long":
            return f"has more than {_count(context['max_length'], 'character')}"
        case "too_short":
            return f"has fewer than {_count(context['min_length'], 'entry', 'entries')}"
        case "greater_than_equal":
            return f"is less than {context['ge']}"
        case "less_than_equal":
            return f"is more than {context['le']}"
        case "decimal_max_places":
            return f"has more than {_count(context['decimal_places'], 'decimal place')}"
        case "int_type" | "int_parsing" | "int_from_float":
            return "is not a whole number"
        case "bool_type" | "bool_parsing":
            return "is not true or false"
        case "tuple_type" | "list_type":
            return "is not a list"
        case "model_type" | "model_attributes_type" | "mapping_type" | "dict_type":
            return "is not a mapping of fields"
    if kind.startswith(("decimal_", "finite_")):
        return "is not a finite number"
    return f"is not allowed: {otherwise[:1].lower()}{otherwise[1:]}"


def _wanted_pattern(pattern: str) -> str:
    if "@" in pattern:
        return "is not an e-mail address such as noc@example.net"
    if "http" in pattern:
        return "is not an address such as https://example.net/hook"
    return "is not a name: it begins with neither a space nor * nor /, and holds no control characters"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


# -- what a model allows --------------------------------------------------------------------------------------


def _names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel]:
    """The model that stands at `loc`, an error's place with the union tags that pydantic puts there."""
    here: list[Any] = [model]
    for step in loc:
        named = [one for one in here if _is_model(one) and one.__name__ == step]  # a member of a union without a tag
        here = named or [found for one in here for found in _below(one, step)] or here
    models = [one for one in here if _is_model(one)]
    assert models, "an unknown field stands in a model"
    return models[0]  # type: ignore[no-any-return]


def _below(kind: Any, step: str | int) -> Iterator[Any]:
    if _is_model(kind):
        for name, info in kind.model_fields.items():
            if step in (name, info.alias):
                yield from _plain(info.annotation)
            elif get_origin(info.annotation) is Literal and step in get_args(info.annotation):
                yield kind  # the tag by which a union tells its members apart
        return
    members = [one for one in get_args(kind) if one is not Ellipsis]
    if get_origin(kind) is tuple:
        yield from _plain(members[0])
    elif members:
        yield from _plain(members[-1])


def _plain(annotation: Any) -> Iterator[Any]:
    """An annotation without `Annotated`, `| None` and the like: the models and containers that it may be."""
    if get_origin(annotation) is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif get_origin(annotation) is Union or isinstance(annotation, type(int | str)):
        for member in get_args(annotation):
            yield from _plain(member)
    else:
        yield annotation


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
