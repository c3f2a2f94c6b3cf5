"""YAML text -> plain data that knows its lines.

The core schema of YAML 1.2 holds: only `true` and `false` are booleans, `NO` and `08:00` are strings, a timestamp
stays the string it is. A number with a fraction is a `Decimal`, exactly as written. Keys are always strings. What could
be read in two ways, or grow beyond measure, is refused: duplicate keys, tags, a second document, bombs of aliases.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from upheld.readers.faults import Fault, InputError
from upheld.readers.kept import NUL

MAX_CHARACTERS = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_REPEATED = 100_000
"""So many nodes may be there a second time through aliases."""

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_STRING_TAG = "tag:yaml.org,2002:str"

FieldPath = tuple[str | int, ...]


@dataclass(slots=True)
class Node:
    """A value and the line (1 is the first) on which it begins. `children` are those of a mapping or a list, and
    `size` the number of nodes that it expands to."""

    value: Any
    line: int
    children: "dict[str, Node] | list[Node] | None" = None
    size: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """A YAML document: its `value`, its tree, and the faults that did not keep it from being read."""

    name: str
    root: Node
    faults: list[Fault] = field(default_factory=list)

    @property
    def value(self) -> Any:
        return self.root.value

    def line(self, path: Sequence[str | int]) -> int:
        """The line of the node at `path`, or of the nearest node above it that exists."""
        node = self.root
        for step in path:
            below = child(node, step)
            if below is None:
                break
            node = below
        return node.line


def child(node: Node, step: str | int) -> Node | None:
    """The node below `node` under a key or an index, None where there is none."""
    if isinstance(node.children, dict):
        return node.children.get(str(step))
    if isinstance(node.children, list) and isinstance(step, int) and 0 <= step < len(node.children):
        return node.children[step]
    return None


def field_text(path: Sequence[str | int]) -> str:
    """`("agreements", 0, "id")` -> "agreements[0].id"."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file. Raises InputError where there is none."""
    name = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError([Fault(name, None, "", unreadable(error))]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError([Fault(name, line, "", "is not UTF-8 text")]) from None


def unreadable(error: OSError) -> str:
    """Why a file cannot be read, as a fault says it."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"cannot be read: {error.strerror or error}"


def parse_yaml(text: str, name: str) -> Source:
    """One YAML document -> `Source`. Raises InputError where the text is not YAML, or is more than may be read."""
    if len(text) > MAX_CHARACTERS:
        raise InputError([Fault(name, None, "", f"is longer than {MAX_CHARACTERS:,} characters")])
    composer = _Composer(name)
    try:
        root = composer.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise InputError([_syntax_fault(name, error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise InputError([Fault(name, line, "", "is not YAML: a character that is not allowed")]) from None
    return Source(name, root, composer.faults)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _syntax_fault(name: str, error: yaml.MarkedYAMLError) -> Fault:
    mark: Any = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return Fault(name, mark.line + 1 if mark else None, "", f"is not YAML: {said}")


class _Composer:
    """Builds nodes from the parser's events; holds the anchors seen and the faults found."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self.anchors: dict[str, Node | None] = {}
        self.repeated = 0

    def document(self, events: Iterator[Any]) -> Node:
        next(events)  # the stream's start
        first = next(events)
        if isinstance(first, yaml.StreamEndEvent):
            raise InputError([Fault(self.name, None, "", "is empty")])
        root = self.node(next(events), events, ())
        next(events)  # the document's end
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self.refusal(after, "a file holds one document; a second one begins here")
        return root

    def refusal(self, event: Any, message: str, path: FieldPath = ()) -> InputError:
        return InputError([*self.faults, Fault(self.name, _line_of(event), field_text(path), message)])

    def node(self, event: Any, events: Iterator[Any], path: FieldPath) -> Node:
        if len(path) > MAX_DEPTH:
            raise self.refusal(event, f"is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if event.tag not in (None, "!", _STRING_TAG):
            raise self.refusal(event, f"the tag {event.tag} is not allowed")
        if event.anchor:
            self.anchors[event.anchor] = None
        line = _line_of(event)
        if isinstance(event, yaml.ScalarEvent):
            if "\0" in event.value:
                raise self.refusal(event, NUL, path)
            plain = event.implicit[0] and event.tag is None
            node = Node(_scalar(event.value) if plain else event.value, line)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(events, line, path)
        else:
            node = self.mapping(events, line, path)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            raise self.refusal(event, f"the alias *{event.anchor} names nothing above it")
        node = self.anchors[event.anchor]
        if node is None:
            raise self.refusal(event, f"the alias *{event.anchor} stands inside what it names")
        self.repeated += node.size
        if self.repeated > MAX_REPEATED:
            raise self.refusal(event, f"aliases repeat more than {MAX_REPEATED:,} nodes")
        return node

    def sequence(self, events: Iterator[Any], line: int, path: FieldPath) -> Node:
        children: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            children.append(self.node(event, events, (*path, len(children))))
        return Node([c.value for c in children], line, children, 1 + sum(c.size for c in children))

    def mapping(self, events: Iterator[Any], line: int, path: FieldPath) -> Node:
        children: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self.refusal(event, "a key is plain text")
            if "\0" in event.value:
                raise self.refusal(event, f"the name of a field {NUL}")
            key, key_line = event.value, _line_of(event)
            node = self.node(next(events), events, (*path, key))
            if key in children:
                first = children[key].line
                said = f"stands twice; it is also on line {first}"
                self.faults.append(Fault(self.name, key_line, field_text((*path, key)), said))
                continue
            children[key] = Node(node.value, key_line, node.children, node.size)
        return Node(
            {k: c.value for k, c in children.items()}, line, children, 1 + sum(c.size for c in children.values())
        )


def _line_of(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(text: str) -> Any:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NULLS:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text
