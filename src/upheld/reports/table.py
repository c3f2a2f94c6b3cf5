"""Verdicts for people: a table that fits 80 columns."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from rich import box
from rich.table import Table
from rich.text import Text

from upheld.agreements.units import HUGE, decimal_text, format_duration, scientific_text, to_datetime
from upheld.assessment.verdict import Status, Verdict

STYLES: Mapping[Status, str] = {"met": "green", "at_risk": "yellow", "violated": "bold red", "no_data": "magenta"}
WORDS: Mapping[Status, str] = {"met": "met", "at_risk": "at risk", "violated": "violated", "no_data": "no data"}
_BAR = 10
_LONGEST = 20


def verdict_table(verdicts: Sequence[Verdict], zones: Mapping[str, ZoneInfo]) -> Table:
    """Two lines a verdict. `zones` gives each agreement's time zone, in which its days and times are shown; UTC where
    it has none."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=summary(verdicts), caption_justify="left")
    table.add_column("Objective\nService, period", overflow="fold")
    table.add_column("Status\nsince", no_wrap=True)
    table.add_column("Attained\nmissing", justify="right", no_wrap=True)
    table.add_column("Budget\nspent", no_wrap=True)
    table.add_column("Credit", justify="right", no_wrap=True)
    for verdict in verdicts:
        zone = zones.get(verdict.agreement, UTC)
        table.add_row(
            _what(verdict, zone), _status(verdict, zone), _attained(verdict), _budget(verdict), _credit(verdict)
        )
    return table


def summary(verdicts: Sequence[Verdict]) -> str:
    """`12 verdicts: 10 met, 1 at risk, 1 violated`."""
    counts = Counter(verdict.status for verdict in verdicts)
    parts = ", ".join(f"{counts[status]:,} {word}" for status, word in WORDS.items() if counts[status])
    return f"{len(verdicts):,} {'verdict' if len(verdicts) == 1 else 'verdicts'}{': ' if parts else ''}{parts}"


def period_text(start: int, end: int, zone: tzinfo) -> str:
    """A period in local time: `2026`, `2026-06`, `2026-06-01`, `2026-06-01 to 2026-06-07` (both days included), or the
    length and the end of one that does not lie between midnights."""
    first, after = to_datetime(start).astimezone(zone), to_datetime(end).astimezone(zone)
    if first.time() != time() or after.time() != time():
        return f"{format_duration(end - start)} to {after:%Y-%m-%d %H:%M}"
    last = (after - timedelta(days=1)).date()
    if last == first.date():
        return f"{first:%Y-%m-%d}"
    if first.day == after.day == 1 and (last.year, last.month) == (first.year, first.month):
        return f"{first:%Y-%m}"
    if first.day == after.day == first.month == after.month == 1 and after.year == first.year + 1:
        return f"{first:%Y}"
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def attained_text(verdict: Verdict) -> str:
    """A share as a percentage, cut off at 4 places so that it never looks better than it is; an aggregate's figure in
    its metric's unit; a dash where nothing was measured."""
    if verdict.attained is None:
        return "-"
    if verdict.budget is None:
        figure = Decimal(verdict.attained)
        plain = figure.is_finite() and abs(figure) < HUGE and len(verdict.attained) <= _LONGEST
        return verdict.attained if plain else scientific_text(figure, 17)  # as many digits as a float has
    return f"{decimal_text(Fraction(verdict.attained) * 100, 4)} %"


def _what(verdict: Verdict, zone: tzinfo) -> Text:
    period = period_text(verdict.period_start, verdict.period_end, zone)
    return Text.assemble(
        (f"{verdict.agreement} ", "bold"), verdict.objective, "\n", verdict.service, (f", {period}", "dim")
    )


def _status(verdict: Verdict, zone: tzinfo) -> Text:
    text = Text(WORDS[verdict.status], STYLES[verdict.status])
    since = {"violated": verdict.violated_at, "at_risk": verdict.at_risk_at}.get(verdict.status)
    if since is not None:
        began, ends = (to_datetime(instant).astimezone(zone) for instant in (since, verdict.period_end))
        text.append(f"\n{began:%m-%d %H:%M}" if began.year == ends.year else f"\n{began:%Y-%m-%d %H:%M}", "dim")
    if not verdict.final:
        text.append("\nso far", "dim")
    return text


def _attained(verdict: Verdict) -> Text:
    text = Text(attained_text(verdict))
    if verdict.missing:
        text.append(f"\n{verdict.missing:,} missing", "dim")
    return text


def _budget(verdict: Verdict) -> Text:
    """How much of the budget is spent: a bar, and the figures."""
    if verdict.budget is None or verdict.spent is None:
        return Text("-", "dim")
    budget, spent = Fraction(verdict.budget), Fraction(verdict.spent)
    part = min(spent / budget, Fraction(1)) if budget else Fraction(spent > 0)
    filled = math.ceil(part * _BAR)
    bar = Text("█" * filled, STYLES[verdict.status])
    bar.append("░" * (_BAR - filled), "dim")
    bar.append(f"\n{decimal_text(spent, 2)} of {decimal_text(budget, 2)}", "")
    return bar


def _credit(verdict: Verdict) -> Text:
    return Text("" if verdict.credit is None else f"{verdict.credit.amount:,} {verdict.credit.currency}")
