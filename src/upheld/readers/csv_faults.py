"""Says where a CSV file of measurements is wrong: the slow second look, line by line, of a file that the columnar
reader refused."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from upheld.agreements.units import parse_instant
from upheld.readers.columns import csv_lines
from upheld.readers.faults import SHOWN, Fault, Findings, InputError
from upheld.readers.measurement_columns import LARGEST_COUNT, NO_FORM, name_fault

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|infinity|nan)", re.IGNORECASE)
_WHOLE = re.compile(r"-?[0-9]+")
_TIME = re.compile(  # what Arrow reads
    r"\d{4}-\d\d-\d\d[T ]\d\d(:?\d\d(:?\d\d(\.\d{1,9})?)?)?(Z|[-+]\d\d(:?\d\d)?)", re.ASCII
)

Said = tuple[str, str]
"""(field, message)."""


def csv_faults(path: Path, header: Sequence[str], services: Collection[str] | None) -> Findings:
    """The faults of the file's lines. `services` are those that may stand there; None admits all."""
    name = str(path)
    findings = Findings()
    lines = csv_lines(path)
    next(lines)  # the header
    try:
        for line, fields in lines:
            for column, message in _line_faults(header, fields, services):
                kept = [Fault(name, line, column, message)] if len(findings.faults) < SHOWN else []
                findings.add_some(kept, 1)
    except InputError as error:
        findings.add_error(error)
    return findings


def _line_faults(header: Sequence[str], fields: Sequence[str], services: Collection[str] | None) -> Iterator[Said]:
    if len(fields) != len(header):
        yield "", f"the line has {len(fields)} of {len(header)} fields ({', '.join(header)}); is it cut off?"
        return
    row = dict(zip(header, fields, strict=True))
    for column in ("service", "metric"):
        word = row[column]
        if not word or (services is not None and column == "service" and word not in services):
            yield column, name_fault(word)
    yield from _time_faults(row)
    yield from _figure_faults(row)


def _time_faults(row: Mapping[str, str]) -> Iterator[Said]:
    for column in ("time", "known_at"):
        text = row.get(column, "")
        if not text:
            if column == "time":
                yield column, "is missing"
            continue
        try:
            parse_instant(text)
            if not _TIME.fullmatch(text):
                yield column, f"{text!r} is not an RFC 3339 time such as 2026-06-01T00:00:00Z"
        except ValueError as error:
            yield column, str(error)


def _figure_faults(row: Mapping[str, str]) -> Iterator[Said]:
    value, good, total = (row.get(column, "") for column in ("value", "good", "total"))
    if not (value or good or total):
        yield ("value", NO_FORM if "good" in row else "is missing") if "value" in row else ("good", "is missing")
    elif value and (good or total):
        yield "value", f"{value} stands beside counts; give value, or good and total"
    elif bool(good) != bool(total):
        yield "total" if good else "good", "is missing; good and total belong together"
    if value and (not _NUMBER.fullmatch(value.strip()) or not math.isfinite(float(value))):
        yield "value", f"{value} is not a finite number"
    wrong = list(_count_faults(good, total))
    yield from wrong
    if good and total and not wrong and int(good) > int(total):
        yield "good", f"{good} is more than total"


def _count_faults(good: str, total: str) -> Iterator[Said]:
    for column, text in (("good", good), ("total", total)):
        if text and not _WHOLE.fullmatch(text.strip()):
            yield column, f"{text} is not a whole number"
        elif text and text.strip().startswith("-") and text.strip("-0 "):
            yield column, f"{text} is negative"
        elif len(text.strip(" -").lstrip("0")) > 19 or int(text or 0) > LARGEST_COUNT:
            yield column, f"{text} is more than {LARGEST_COUNT}, the largest count"
