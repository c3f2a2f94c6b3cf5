"""What a document of JSON has that the definitions of a specification (Swagger 2.0) do not allow."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from upheld.agreements.units import parse_instant


def _definitions(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((Path(__file__).parent / name / "definitions.json").read_text())
    return found


TMF628, TMF638, TMF639, TMF642, TMF655, TMF688 = (
    _definitions(name) for name in ("tmf628", "tmf638", "tmf639", "tmf642", "tmf655", "tmf688")
)
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}
TEXT_IDS = {"type": ["integer", "string"]}
"""The specification has `id` as an integer where it is the alarm's own, and as a string in the path, in every reference
to it and in the conformance kit: both are allowed here."""


def faults(document: object, name: str, api: Mapping[str, Any] = TMF642) -> list[str]:
    """What is not as the definition of that name has it."""
    return list(_faults(document, {"$ref": f"#/definitions/{name}"}, name, api["definitions"]))


def _faults(value: object, schema: Mapping[str, Any], at: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    unknown = set(schema) - {"$ref", "type", "format", "properties", "required", "items", "minItems", "enum"}
    assert not unknown, f"the checker does not know {unknown}"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/definitions/")
        definition = definitions[name]
        if name == "Alarm":
            definition = {**definition, "properties": {**definition["properties"], "id": TEXT_IDS}}
        yield from _faults(value, definition, at, definitions)
        return
    if not schema:
        return
    wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    types = [TYPES[one] for one in wanted]
    if not any(isinstance(value, one) for one in types) or (isinstance(value, bool) and "boolean" not in wanted):
        yield f"{at}: {value!r} is not of type {wanted}"
        return
    if schema.get("format") == "date-time":
        try:
            parse_instant(value)
        except ValueError as error:
            yield f"{at}: {error}"
    if isinstance(value, dict):
        yield from (f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _faults(value[name], inner, f"{at}.{name}", definitions)
    if value not in schema.get("enum", [value]):
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if isinstance(value, list) and len(value) < schema.get("minItems", 0):
        yield f"{at}: has fewer than {schema['minItems']}"
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from _faults(inner, schema["items"], f"{at}[{number}]", definitions)
