"""What a planned work would do, for people at a terminal: from the document of `work_preview`."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_BAR = 16
_SHOWN = 30


def preview_report(found: Mapping[str, Any]) -> RenderableType:
    """Impact, warnings, sums and the dearest agreements, one beneath the other."""
    parts: list[RenderableType] = [Text(_headline(found), "bold"), *_impact(found["impact"])]
    for warning in found["warnings"]:
        parts.append(Text.assemble(("! ", "bold yellow"), _capital(warning["text"])))
    if not found["agreements_count"]:
        return Group(*parts, Text("no agreement in force is hit by it"))
    parts += ["", totals_table(found["total"])]
    if found["agreements"]:
        parts.append(agreements_table(found["agreements"], found["agreements_count"]))
        parts.append(
            Text.assemble(("█", "red"), " spent by now  ", ("▓", "yellow"), " the window  ░ left", style="dim")
        )
    if found["better"]:
        parts += ["", *_better(found["better"])]
    return Group(*parts)


def _better(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    if not found["slots"]:
        yield Text(f"No better window between {found['earliest']} and {found['latest']}.")
        return
    yield Text("Better windows", "bold")
    for number, slot in enumerate(found["slots"], 1):
        spans = " and ".join(f"{one['start']} to {one['end']}" for one in slot["windows"])
        yield Text.assemble((f" {number}. {spans}", "green"))
        for reason in slot["reasons"]:
            yield Text(f"    {reason}", "dim")


def _headline(found: Mapping[str, Any]) -> str:
    spans = " and ".join(f"{one['start']} to {one['end']}" for one in found["windows"])
    return f"{', '.join(found['services'])}, {spans}"


def _impact(impact: Mapping[str, Any]) -> Iterator[Text]:
    for what, said in (("hit", "taken down"), ("unprotected", "left without redundancy")):
        services, customers = impact[what]["services"], impact[what]["customers"]
        if services["count"] or what == "hit":
            more = ", ..." if services["count"] > len(services["names"]) else ""
            named = f" ({', '.join(services['names'][:8])}{more})" if services["count"] else ""
            yield Text(f"{_of(services['count'], 'service')} of {_of(customers['count'], 'customer')} {said}{named}")


def totals_table(total: Mapping[str, Any]) -> Table:
    """What is to be expected of all agreements, if their windows count and if they do not."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Expected of all")
    for title in ("Announced now", "If earned", "If not earned"):
        table.add_column(title, justify="right", no_wrap=True)
    sides = [total[name] for name in ("as_announced", "if_earned", "if_not_earned")]
    for currency in sorted({currency for side in sides for currency in side["credit"]}):
        table.add_row(f"credit {currency}", *(side["credit"].get(currency, "0") for side in sides))
    table.add_row(f"promises broken, of {total['promises']:,}", *(f"{side['breaches']:,}" for side in sides))
    broken = [f"{total[name]['broken_by_the_work']:,}" for name in ("if_earned", "if_not_earned")]
    table.add_row("of these by the work alone", "", *broken)
    return table


def agreements_table(agreements: Sequence[Mapping[str, Any]], count: int) -> Table:
    """A row for each agreement and for each of its promises, the dearest first; the first so many. What a promise is
    called and its budget share a column, so that the table has room in a terminal of 80 characters."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("Agreement: the window\n promise, budget in slots", overflow="fold")
    for title in ("Broken:\nif earned", "\nif not", "Credit:\nif earned", "\nif not"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in agreements[:_SHOWN]:
        credit = one["expected_credit"]
        table.add_row(
            Text.assemble(
                (one["agreement"], "bold"),
                ": ",
                ("does not count", "green") if one["announcement"]["in_time"] else ("counts", "yellow"),
            ),
            "",
            "",
            _money(credit["if_earned"]),
            _money(credit["if_not_earned"]),
        )
        for promise in one["promises"]:
            table.add_row(
                Text(f" {promise['objective']}, {promise['service']}\n ").append_text(_bar(promise)),
                *(f"{promise[name]['chance']:.0%}" for name in ("if_earned", "if_not_earned")),
                *(_money(promise[name]["expected_credit"]) for name in ("if_earned", "if_not_earned")),
                style="dim",
            )
    if count > min(len(agreements), _SHOWN):
        table.caption = f"and {count - min(len(agreements), _SHOWN):,} more; --format json has all"
    return table


def _bar(promise: Mapping[str, Any]) -> Text:
    """The budget with what is spent of it and what the window costs if it counts; in figures behind it."""
    whole, spent = Fraction(promise["budget"]["whole"]), Fraction(promise["budget"]["spent"])
    cost = Fraction(promise["window"]["costs"])
    scale = max(whole, spent + cost, Fraction(1))
    first, second, third = (int(part * _BAR / scale) for part in (spent, spent + cost, whole))
    text = Text("█" * first, "red").append("▓" * (max(second, first + (cost > 0)) - first), "yellow")
    text.append("░" * max(third - len(text), 0), "")
    over = spent + cost > whole
    return text.append(f" {_short(spent)} + {_short(cost)} of {_short(whole)}", "bold yellow" if over else "")


def _short(slots: Fraction) -> str:
    return f"{float(slots):,.1f}".removesuffix(".0")


def _money(money: Mapping[str, str] | None) -> str:
    return "–" if money is None else f"{money['amount']} {money['currency']}"


def _of(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
