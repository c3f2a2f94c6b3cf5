"""A comparison of two portfolios for people at a terminal: totals by month and currency, bars, and what differs."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from upheld.agreements.units import to_datetime
from upheld.assessment.verdict import Verdict
from upheld.reports.table import STYLES, WORDS, attained_text, period_text
from upheld.reports.whatif import Change, Comparison, Pair, Sums, Told

_BAR = 28
_SHOWN = 40
BEFORE, AFTER = "before", "after"


def whatif_report(comparison: Comparison) -> RenderableType:
    """Totals, bars and differences, one beneath the other."""
    parts: list[RenderableType] = [totals_table(comparison)]
    parts += [Text.assemble("\n", chart) for chart in charts(comparison)]
    if comparison.telling:
        parts += ["", changes_table(comparison)]
    if comparison.new_notices or comparison.lost_notices or comparison.moved_notices:
        parts += ["", notices_table(comparison)]
    parts += ["", Text(summary(comparison))]
    return Group(*parts)


def summary(comparison: Comparison) -> str:
    """`1 of 4 verdicts differs; notices: 2 new, 1 gone`."""
    if not comparison.differs:
        return f"no difference in {_of(comparison.alike, 'verdict')}"
    changed, all_ = len(comparison.changes), len(comparison.changes) + comparison.alike
    parts = [f"{changed:,} of {_of(all_, 'verdict')} {'differs' if changed == 1 else 'differ'}"]
    hidden = changed - len(comparison.telling)
    if hidden:
        parts[0] += f", {hidden:,} of them in budget and soft threshold only"
    told = ((comparison.new_notices, "new"), (comparison.lost_notices, "gone"), (comparison.moved_notices, "moved"))
    notices = ", ".join(f"{len(found):,} {word}" for found, word in told if found)
    return "; ".join([*parts, *([f"notices: {notices}"] if notices else [])])


def _of(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def totals_table(comparison: Comparison) -> Table:
    """A row for each month and figure of it that is not nothing on both sides, and the sums of all months."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Month")
    table.add_column("")
    for title in ("Before", "After", "Difference"):
        table.add_column(title, justify="right", no_wrap=True)
    pairs = [*comparison.months, comparison.total] if len(comparison.months) > 1 else comparison.months
    for pair in pairs:
        label = pair.label or "All"
        for word, before, after in figures(pair, comparison.currencies):
            table.add_row(
                Text(label, "bold" if label == "All" else ""),
                word,
                f"{before:,}",
                f"{after:,}",
                Text(difference(before, after), _style(before, after)),
            )
            label = ""
    return table


def figures(pair: Pair, currencies: Sequence[str]) -> Iterator[tuple[str, Decimal, Decimal]]:
    """(what, before, after) of a month: credits by currency, violations, warnings, notices; verdicts where none is."""
    found = False
    for currency in currencies:
        if currency in pair.before.credits or currency in pair.after.credits:
            found = True
            yield (
                f"credit {currency}",
                pair.before.credits.get(currency, Decimal(0)),
                pair.after.credits.get(currency, Decimal(0)),
            )
    rows = (
        ("violated", pair.before.statuses["violated"], pair.after.statuses["violated"]),
        ("at risk", pair.before.statuses["at_risk"], pair.after.statuses["at_risk"]),
        ("without data", pair.before.statuses["no_data"], pair.after.statuses["no_data"]),
        ("notices", pair.before.notices, pair.after.notices),
    )
    for word, before, after in rows:
        if before or after:
            found = True
            yield word, Decimal(before), Decimal(after)
    if not found:
        yield "met", Decimal(pair.before.statuses["met"]), Decimal(pair.after.statuses["met"])


def difference(before: Decimal, after: Decimal) -> str:
    """`+120.00`, `-1`; a dash where there is none."""
    return f"{after - before:+,}".replace("-", "−") if after != before else "–"


def _style(before: Decimal, after: Decimal) -> str:
    return "" if before == after else "yellow" if after > before else "green"


# -- bars -------------------------------------------------------------------------------------------------------------


def charts(comparison: Comparison) -> Iterator[Text]:
    """One chart for the credits of each currency, and one for the violations."""
    for currency in comparison.currencies:
        yield _chart(f"Credit, {currency}", [(p.label, _credit(p, currency)) for p in comparison.bars])
    violations = [(p.label, (_violations(p.before), _violations(p.after))) for p in comparison.bars]
    if any(before or after for _, (before, after) in violations):
        yield _chart("Violations", violations)


def _credit(pair: Pair, currency: str) -> tuple[Decimal, Decimal]:
    return pair.before.credits.get(currency, Decimal(0)), pair.after.credits.get(currency, Decimal(0))


def _violations(sums: Sums) -> Decimal:
    return Decimal(sums.statuses["violated"])


def _chart(title: str, rows: Sequence[tuple[str, tuple[Decimal, Decimal]]]) -> Text:
    most = max(max(pair) for _, pair in rows) or Decimal(1)
    width = max(len(label) for label, _ in rows)
    text = Text(f"{title}\n", "bold")
    for label, pair in rows:
        if not any(pair):
            continue
        for side, value, style in ((BEFORE, pair[0], "bright_black"), (AFTER, pair[1], "cyan")):
            text.append(f"{label if side == BEFORE else '':<{width}}  {side:<6} ")
            bar = _blocks(value / most)
            text.append(bar, style)
            text.append(f"{' ' if bar else ''}{value:,}\n")
    return text


def _blocks(part: Decimal) -> str:
    """A bar in eighths of a character; at least one where there is anything."""
    eighths = max(int(part * _BAR * 8), 1 if part else 0)
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")


# -- what differs -----------------------------------------------------------------------------------------------------


def changes_table(comparison: Comparison) -> Table:
    """Two lines a verdict with another outcome; the first so many."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Objective\nService, period", overflow="fold")
    table.add_column("Before", no_wrap=True)
    table.add_column("After", no_wrap=True)
    for change in comparison.telling[:_SHOWN]:
        table.add_row(_what(comparison, change), *_sides(comparison, change))
    if len(comparison.telling) > _SHOWN:
        table.caption = f"and {len(comparison.telling) - _SHOWN:,} more; --format json has all"
    return table


def _what(comparison: Comparison, change: Change) -> Text:
    agreement, objective, service, start, end = change.key
    period = period_text(start, end, comparison.zones[agreement])
    return Text.assemble((f"{agreement} ", "bold"), objective, "\n", service, (f", {period}", "dim"))


def _sides(comparison: Comparison, change: Change) -> tuple[Text, Text]:
    zone = comparison.zones[change.key[0]]
    return _side(change.before, zone), _side(change.after, zone)


def _side(verdict: Verdict | None, zone: ZoneInfo) -> Text:
    if verdict is None:
        return Text("no such period", "dim")
    text = Text.assemble((WORDS[verdict.status], STYLES[verdict.status]), " ", attained_text(verdict))
    credit = "" if verdict.credit is None else f"{verdict.credit.amount:,} {verdict.credit.currency}"
    beneath = "  ".join(part for part in (since(verdict, zone), credit) if part)
    return text.append(f"\n{beneath}") if beneath else text


def since(verdict: Verdict, zone: ZoneInfo) -> str:
    """When a verdict that is violated or at risk came to be so, as `02-14 16:45` in a zone; empty for others."""
    at = {"violated": verdict.violated_at, "at_risk": verdict.at_risk_at}.get(verdict.status)
    return "" if at is None else f"{to_datetime(at).astimezone(zone):%m-%d %H:%M}"


def notices_table(comparison: Comparison) -> Table:
    """The notices that only one side sends, or at another time, by time; the first so many."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Notice\nobjective, service", overflow="fold")
    table.add_column("To")
    table.add_column("At")
    rows = notice_rows(comparison)
    for word, notice, when in rows[:_SHOWN]:
        style = {"new": "yellow", "gone": "green"}.get(word, "cyan")
        what = Text.assemble((word, style), f" {notice.kind}\n", (f"{notice.objective}, {notice.service}", "dim"))
        table.add_row(what, notice.role, when)
    if len(rows) > _SHOWN:
        table.caption = f"and {len(rows) - _SHOWN:,} more; --format json has all"
    return table


def notice_rows(comparison: Comparison) -> list[tuple[str, Told, str]]:
    """(new, gone or moved; the notice; when) of every notice that differs, by time."""
    rows = [("new", notice, notice_time(comparison, notice)) for notice in comparison.new_notices]
    rows += [("gone", notice, notice_time(comparison, notice)) for notice in comparison.lost_notices]
    for before, after in comparison.moved_notices:
        was, becomes = (notice_time(comparison, notice) for notice in (before, after))
        rows.append(("moved", after, f"{was}\n→ {becomes}"))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def notice_time(comparison: Comparison, notice: Told) -> str:
    """When it happened and until when it is told, in the agreement's zone."""
    zone = comparison.zones[notice.agreement]
    at = to_datetime(notice.at).astimezone(zone)
    if notice.due_by is None:
        return f"{at:%Y-%m-%d %H:%M}"
    due = to_datetime(notice.due_by).astimezone(zone)
    return (
        f"{at:%Y-%m-%d %H:%M}, by {due:%H:%M}"
        if due.date() == at.date()
        else f"{at:%Y-%m-%d %H:%M}, by {due:%m-%d %H:%M}"
    )
