"""Findings of lint for people and for other programs: a table and JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from upheld.agreements.lint import Finding

_STYLES = {"warning": "yellow", "note": "cyan"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding, the file it stands in and the line; both None where it is about measurements alone."""

    finding: Finding
    file: str | None
    line: int | None

    @property
    def field(self) -> str:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.finding.path)
        return path.removeprefix(".")


def findings_table(placed: Sequence[Placed]) -> Table:
    """Two lines or more a finding: where it stands and which rule found it, and what it says."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=summary(placed), caption_justify="left")
    table.add_column("Line", justify="right", no_wrap=True)
    table.add_column("Finding", overflow="fold")
    for one in placed:
        finding = one.finding
        where = [part for part in (finding.agreement, finding.objective, finding.service) if part]
        text = Text.assemble(
            (finding.severity, _STYLES[finding.severity]), " ", (finding.rule, "bold"), "  ", " ".join(where), "\n"
        )
        text.append(finding.text)
        table.add_row("" if one.line is None else str(one.line), text)
    return table


def summary(placed: Sequence[Placed]) -> str:
    """`3 findings: 2 warnings, 1 note`."""
    if not placed:
        return "nothing found"
    counts = Counter(one.finding.severity for one in placed)
    parts = ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for word in ("warning", "note") if (n := counts[word]))
    return f"{len(placed):,} finding{'' if len(placed) == 1 else 's'}: {parts}"


def findings_json(placed: Sequence[Placed]) -> str:
    """A JSON list with the fields `rule`, `severity`, `agreement`, `objective`, `service`, `file`, `line`, `field` and
    `text`; null where there is none."""
    documents = [
        {
            "rule": one.finding.rule,
            "severity": one.finding.severity,
            "agreement": one.finding.agreement or None,
            "objective": one.finding.objective,
            "service": one.finding.service,
            "file": one.file,
            "line": one.line,
            "field": one.field or None,
            "text": one.finding.text,
        }
        for one in placed
    ]
    return "[\n" + ",\n".join(json.dumps(d, ensure_ascii=False) for d in documents) + "\n]\n" if documents else "[]\n"
