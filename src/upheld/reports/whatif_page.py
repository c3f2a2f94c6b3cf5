"""A comparison of two portfolios as one HTML page that needs nothing else: no script, no font, no network. Its charts
are inline SVG whose bars are in percent of the width and whose texts are not, so that they are read on a phone too."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Verdict
from upheld.reports.table import WORDS, attained_text, period_text
from upheld.reports.whatif import Comparison
from upheld.reports.whatif_table import difference, figures, notice_rows, since, summary

TEMPLATES = Path(__file__).parent / "templates"

ROW, BAR, GAP, TOP = 46, 16, 3, 6
"""Heights of a chart, in pixels: of a row, of a bar, between its two bars, and above the first."""
WIDEST = 74
"""The longest bar, in percent of the width."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its row's label where it is the first of it, its place, its length in percent, and its figure, which
    stands inside where there is room."""

    label: str
    side: str
    y: int
    width: str
    text: str
    inside: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """`description` says in words what the picture shows; `rows` is the same as a table."""

    id: str
    title: str
    description: str
    height: int
    bars: Sequence[Bar]
    rows: Sequence[tuple[str, str, str, str]]
    left: int


def whatif_page(comparison: Comparison, as_of: int, title: str, made: Sequence[str]) -> str:
    """The page. `title` names the agreements, `made` what is changed in them; `as_of` in microseconds UTC."""
    total = comparison.total
    page = _environment().get_template("whatif.html")
    return page.render(
        title=title,
        made=made,
        as_of=format_instant(as_of),
        summary=summary(comparison),
        differs=comparison.differs,
        tiles=[_tile(word, before, after) for word, before, after in figures(total, comparison.currencies)],
        charts=[*_charts(comparison)],
        months=[*_months(comparison)],
        changes=[*_changes(comparison)],
        notices=[
            {"word": word, "kind": n.kind, "what": f"{n.agreement} {n.objective}", "service": n.service, "role": n.role,
             "when": when.split("\n")}
            for word, n, when in notice_rows(comparison)
        ],
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _tile(word: str, before: Decimal, after: Decimal) -> dict[str, str]:
    tone = "same" if before == after else "more" if after > before else "less"
    return {
        "word": word[:1].upper() + word[1:],
        "before": f"{before:,}",
        "after": f"{after:,}",
        "difference": "no difference" if before == after else difference(before, after),
        "tone": tone,
    }


def _months(comparison: Comparison) -> Iterator[dict[str, object]]:
    for pair in [*comparison.months, *([comparison.total] if len(comparison.months) > 1 else [])]:
        rows = [
            {"word": word, "before": f"{before:,}", "after": f"{after:,}", "difference": difference(before, after)}
            for word, before, after in figures(pair, comparison.currencies)
        ]
        yield {"label": pair.label or "All months", "rows": rows}


def _changes(comparison: Comparison) -> Iterator[dict[str, object]]:
    for change in comparison.telling:
        agreement, objective, service, start, end = change.key
        zone = comparison.zones[agreement]
        yield {
            "agreement": agreement,
            "objective": objective,
            "service": service,
            "period": period_text(start, end, zone),
            "before": _side(change.before, zone),
            "after": _side(change.after, zone),
        }


def _side(verdict: Verdict | None, zone: ZoneInfo) -> dict[str, str] | None:
    if verdict is None:
        return None
    credit = "" if verdict.credit is None else f"{verdict.credit.amount:,} {verdict.credit.currency}"
    return {
        "status": verdict.status,
        "word": WORDS[verdict.status],
        "attained": attained_text(verdict),
        "since": since(verdict, zone),
        "credit": credit,
    }


# -- charts -----------------------------------------------------------------------------------------------------------


def _charts(comparison: Comparison) -> Iterator[Chart]:
    for currency in comparison.currencies:
        figures_ = [(p.label, p.before.credits.get(currency), p.after.credits.get(currency)) for p in comparison.bars]
        yield _chart(f"credit-{currency}", f"Credit, {currency}", figures_)
    violated = [
        (p.label, Decimal(p.before.statuses["violated"]), Decimal(p.after.statuses["violated"]))
        for p in comparison.bars
    ]
    if any(before or after for _, before, after in violated):
        yield _chart("violations", "Violations", violated)


def _chart(name: str, title: str, figures_: Iterable[tuple[str, Decimal | None, Decimal | None]]) -> Chart:
    rows = [(label, before or Decimal(0), after or Decimal(0)) for label, before, after in figures_]
    shown = [row for row in rows if row[1] or row[2]]
    most = max(max(before, after) for _, before, after in shown)
    bars: list[Bar] = []
    for number, (label, *pair) in enumerate(shown):
        for place, (side, value) in enumerate(zip(("before", "after"), pair, strict=True)):
            part = value / most
            y = TOP + number * ROW + place * (BAR + GAP)
            bars.append(
                Bar(label if not place else "", side, y, f"{part * WIDEST:.2f}", f"{value:,}", part > Decimal("0.45"))
            )
    totals = [sum((row[side] for row in shown), Decimal(0)) for side in (1, 2)]
    highest = max(shown, key=lambda row: abs(row[2] - row[1]))
    changed = (
        f" The largest difference is in {highest[0]}: {highest[1]:,} before, {highest[2]:,} after."
        if highest[1] != highest[2]
        else ""
    )
    return Chart(
        id=name,
        title=title,
        description=f"{title} by period: {totals[0]:,} before and {totals[1]:,} after in all.{changed}",
        height=TOP + len(shown) * ROW,
        bars=bars,
        rows=[(label, f"{before:,}", f"{after:,}", difference(before, after)) for label, before, after in rows],
        left=86 if any(len(label) > 7 for label, _, _ in shown) else 64,
    )
