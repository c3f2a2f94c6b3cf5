"""What can be kept of what others send: PostgreSQL holds no text with a NUL character, so none is taken anywhere."""

from collections.abc import Mapping
from typing import Any

NUL = "has a NUL character, which no text may have"


def nul_at(value: object) -> tuple[str | int, ...] | None:
    """Where a text with a NUL character stands in a value such as JSON gives, as the steps to it; None where there is
    none. A name of a field that has one is the last step, without it."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, str):
            if "\0" in one:
                return path
        elif isinstance(one, Mapping):
            for name, inner in one.items():
                if isinstance(name, str) and "\0" in name:
                    return (*path, name.replace("\0", ""))
                waiting.append(((*path, name), inner))
        elif isinstance(one, list | tuple):
            waiting += [((*path, number), inner) for number, inner in enumerate(one)]
    return None
