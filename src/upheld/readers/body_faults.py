"""What is wrong with a body of measurements, or with its rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_FAULTS = 10_000
"""A body with more faults than this is not worth telling row by row: reading it ends there."""

MAX_NAME = 200
INT64_MAX = 2**63 - 1

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

FIELDS = "service, metric, time, and value, or good and total"
ALLOWED = {
    "service": "is the name of a service, as text",
    "metric": "is the name of a metric, as text",
    "time": "is an RFC 3339 time, as text such as 2026-06-01T00:00:00Z",
    "value": "is a finite number",
    "good": f"is a whole number from 0 to {INT64_MAX}",
    "total": f"is a whole number from 0 to {INT64_MAX}",
}
TOO_EARLY = "lies too far in the future"
"""What is said of a time that is further ahead than may be."""


class WrongContentType(Exception):
    """The body is of a kind that is not taken; `str()` names those that are."""


class MalformedBody(Exception):
    """The body as a whole cannot be read; `str()` says why."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with a row: its number (the line of JSON lines and of CSV; 1 is the first; 0 means every row)."""

    row: int
    field: str
    message: str


class TooManyFaults(Exception):
    """There are more than `MAX_FAULTS`."""


class Faults(list[RowFault]):
    """The faults found so far."""

    def note(self, row: int, field: str, message: str) -> None:
        self.append(RowFault(row, field, message))
        if len(self) > MAX_FAULTS:
            raise TooManyFaults

    def note_each(self, mask: Mask, numbers: Integers, field: str, message: str) -> None:
        """The same of every row of the mask; `numbers` are the rows' numbers."""
        for number in numbers[mask][: MAX_FAULTS + 1]:
            self.note(int(number), field, message)
