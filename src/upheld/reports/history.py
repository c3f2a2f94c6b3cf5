"""The versions of verdicts: a table for people, JSON for machines. DESIGN rule 12."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.table import Table
from rich.text import Text

from upheld.agreements.units import format_instant, to_datetime
from upheld.assessment.verdict import Verdict, to_document
from upheld.assessment.versions import Version
from upheld.reports.table import STYLES, WORDS, attained_text, period_text

Versions = Sequence[Version]


def history_table(histories: Sequence[Versions], zones: Mapping[str, ZoneInfo]) -> Table:
    """One line a version, below its verdict: since when it is known, why and by whose word, and the figures, old and
    new. `zones` gives each agreement's time zone, in which its days and times are shown; UTC where it has none."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=_summary(histories), caption_justify="left")
    table.add_column("Objective\nService, period", overflow="fold")
    table.add_column("Known at\nstatus", no_wrap=True)
    table.add_column("Cause\napprover", overflow="fold")
    table.add_column("Attained\nbad", justify="right")
    table.add_column("Credit", justify="right")
    for versions in histories:
        zone = zones.get(versions[0].verdict.agreement, UTC)
        for version, old in _beside_the_old(versions):
            table.add_row(*_row(version, old, zone), end_section=version is versions[-1])
    return table


def history_json(histories: Sequence[Versions]) -> str:
    """A JSON list, one version a line: `agreement`, `objective`, `service`, `period_start`, `version`, `known_at`,
    `cause`, `approver`, and the verdicts `old` (null for the first version) and `new`."""
    lines = [
        json.dumps(_document(version, old), ensure_ascii=False)
        for versions in histories
        for version, old in _beside_the_old(versions)
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"


def _beside_the_old(versions: Versions) -> Iterator[tuple[Version, Verdict | None]]:
    old = None
    for version in versions:
        yield version, old
        old = version.verdict


def _document(version: Version, old: Verdict | None) -> dict[str, Any]:
    new = to_document(version.verdict)
    named = {name: new[name] for name in ("agreement", "objective", "service", "period_start", "version")}
    return {
        **named,
        "known_at": format_instant(version.known_at),
        "cause": version.cause,
        "approver": version.approver,
        "old": None if old is None else to_document(old),
        "new": new,
    }


def _row(version: Version, old: Verdict | None, zone: tzinfo) -> tuple[Text, ...]:
    verdict = version.verdict
    what = Text(f"version {verdict.version}", "dim")
    if old is None:
        period = period_text(verdict.period_start, verdict.period_end, zone)
        what = Text.assemble(
            (f"{verdict.agreement} ", "bold"),
            verdict.objective,
            "\n",
            verdict.service,
            (f", {period}\nversion 1", "dim"),
        )
    known = Text(f"{to_datetime(version.known_at).astimezone(zone):%Y-%m-%d %H:%M}\n")
    known.append(WORDS[verdict.status], STYLES[verdict.status])
    cause = Text(f"{version.cause}\n")
    cause.append(version.approver or "", "dim")
    figures = Text(f"{_change(attained_text, old, verdict)}\n")
    figures.append(_change(lambda v: f"{v.bad:,}", old, verdict), "dim")
    return what, known, cause, figures, Text(_change(_credit, old, verdict))


def _change(text: Callable[[Verdict], str], old: Verdict | None, new: Verdict) -> str:
    """`old -> new`, or what stayed."""
    before, after = None if old is None else text(old), text(new)
    return after if before in (None, after) else f"{before} -> {after}"


def _credit(verdict: Verdict) -> str:
    return "-" if verdict.credit is None else f"{verdict.credit.amount:,} {verdict.credit.currency}"


def _summary(histories: Sequence[Versions]) -> str:
    restated = sum(len(versions) - 1 for versions in histories)
    verdicts = f"{len(histories):,} {'verdict' if len(histories) == 1 else 'verdicts'}"
    return f"{verdicts}, {restated:,} {'restatement' if restated == 1 else 'restatements'}"
