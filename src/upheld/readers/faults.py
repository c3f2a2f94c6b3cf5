"""What is wrong with an input, and where. Every reader collects faults and raises them together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

SHOWN = 20
"""So many faults are told one by one; beyond, their number is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`field` of `file` at `line` (1 is the first; None where the whole file is meant): `message` says what was found
    and what is allowed. `counted_in` is `row` for files without lines, such as Parquet."""

    file: str
    line: int | None
    field: str
    message: str
    counted_in: Literal["line", "row"] = "line"

    def __str__(self) -> str:
        """`file:line: field: message`, without the parts that are not known; a row reads `file: row 7: ...`."""
        place = self.file
        if self.line is not None:
            place += f":{self.line}" if self.counted_in == "line" else f": row {self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class InputError(Exception):
    """An input cannot be used. `faults` in the order of the input; `more` counts those that are not listed.
    `str()` has one fault a line."""

    def __init__(self, faults: Iterable[Fault], more: int = 0) -> None:
        self.faults = list(faults)
        self.more = more
        assert self.faults, "an input error has a fault"
        super().__init__(self.faults, more)

    def __str__(self) -> str:
        lines = [str(fault) for fault in self.faults]
        if self.more:
            lines.append(f"and {self.more:,} more {'fault' if self.more == 1 else 'faults'}")
        return "\n".join(lines)


@dataclass(slots=True)
class Findings:
    """Faults while they are looked for: those to tell, and how many there are in all."""

    faults: list[Fault] = field(default_factory=list)
    total: int = 0

    def add(self, *faults: Fault) -> None:
        self.add_some(faults, len(faults))

    def add_some(self, faults: Iterable[Fault], of: int) -> None:
        """Adds faults that stand for `of` faults of their kind."""
        self.faults += faults
        self.total += of

    def add_error(self, error: InputError) -> None:
        self.add_some(error.faults, len(error.faults) + error.more)

    def raise_any(self) -> None:
        """Raises InputError where there are faults: the first `SHOWN` of them by file and line, the rest counted."""
        if self.faults:
            order = list(dict.fromkeys(fault.file for fault in self.faults))
            shown = sorted(self.faults, key=lambda fault: (order.index(fault.file), fault.line or 0))[:SHOWN]
            raise InputError(shown, self.total - len(shown))


def one_of(allowed: Sequence[str]) -> str:
    """`["a", "b", "c"]` -> "a, b or c"."""
    return allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def did_you_mean(found: str, allowed: Iterable[str]) -> str:
    """` (did you mean target?)` where one of the allowed words is near to `found`, else the empty string."""
    near = get_close_matches(found, list(allowed), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
