"""What a planned work would do, as the console's form shows it before the work is announced."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from upheld.agreements.units import parse_instant
from upheld.analysis.work_preview import Preview
from upheld.reports.work_preview import preview_document, warnings
from upheld.web import words

SHOWN, SLOTS = 8, 4
"""Promises, and better windows, that are drawn."""
SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise's budget: what is spent of it, and what the window costs if it counts, in percent of the width;
    `in_words` says the same. `earned`: the window would not count."""

    name: str
    in_words: str
    spent: str
    cost: str
    budget: str
    over: bool
    earned: bool
    chances: tuple[str, str]
    credits: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A better window, or better windows: `value` for the form, and why they are better."""

    value: str
    windows: tuple[tuple[int, int], ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Previewed:
    """`sums`: (what, if the window is excluded, if it counts). `more`: how many promises are not drawn."""

    hit: str
    unprotected: str
    in_time: tuple[int, int]
    warnings: tuple[str, ...]
    sums: tuple[tuple[str, str, str], ...]
    bars: tuple[Bar, ...]
    more: int
    slots: tuple[Slot, ...]


def previewed(preview: Preview) -> Previewed:
    """The preview, drawn and in words."""
    found = preview_document(preview, SHOWN)
    total, impact = found["total"], found["impact"]
    bars = [_bar(agreement, promise) for agreement in found["agreements"] for promise in agreement["promises"]][:SHOWN]
    return Previewed(
        hit=_reach(impact["hit"]),
        unprotected=_reach(impact["unprotected"]) if impact["unprotected"]["services"]["count"] else "",
        in_time=(sum(one.announcement.earned for one in preview.agreements), len(preview.agreements)),
        warnings=warned(preview),
        sums=tuple(_sums(total)),
        bars=tuple(bars),
        more=total["promises"] - len(bars),
        slots=tuple(_slots(found["better"])),
    )


def warned(preview: Preview) -> tuple[str, ...]:
    """What there is to be warned of, a sentence each."""
    return tuple(words.sentence(words.humane(warning["text"])) for warning in warnings(preview))


def _reach(found: Mapping[str, Any]) -> str:
    services, customers = found["services"], found["customers"]
    names = ", ".join(services["names"][:5]) + (", …" if services["count"] > 5 else "")
    said = " of ".join(
        f"{count:,} {word}{'' if count == 1 else 's'}"
        for count, word in ((services["count"], "service"), (customers["count"], "customer"))
        if count or word == "service"
    )
    return f"{said}: {names}" if names else said


def _sums(total: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    earned, not_earned = total["if_earned"], total["if_not_earned"]
    for currency in sorted({*earned["credit"], *not_earned["credit"]}):
        both = (words.money(side["credit"].get(currency, "0"), currency) for side in (earned, not_earned))
        yield ("Credit to be expected", *both)  # type: ignore[misc]
    yield f"Promises broken, of {total['promises']:,}", f"{earned['breaches']:,}", f"{not_earned['breaches']:,}"


def _bar(agreement: Mapping[str, Any], promise: Mapping[str, Any]) -> Bar:
    slot = promise["slot_seconds"] * SECOND
    whole, spent = Fraction(promise["budget"]["whole"]), Fraction(promise["budget"]["spent"])
    cost = Fraction(promise["window"]["costs"])
    width = max(whole, spent + cost, Fraction(1)) * Fraction(21, 20)
    times = [words.span(int(part * slot)) if part else "nothing" for part in (spent, cost, whole)]
    endings = promise["if_earned"], promise["if_not_earned"]
    return Bar(
        name=f"{agreement['agreement']} {promise['objective']}, {promise['service']}",
        in_words=f"{times[0]} spent, the window costs {times[1]} if it counts; the budget is {times[2]}",
        spent=_percent(spent / width),
        cost=_percent(cost / width),
        budget=_percent(whole / width),
        over=spent + cost > whole,
        earned=promise["would_be_earned"],
        chances=(_chance(endings[0]), _chance(endings[1])),
        credits=(_money(endings[0]), _money(endings[1])),
    )


def _percent(part: Fraction) -> str:
    return f"{float(part) * 100:.2f}%"


def _chance(ending: Mapping[str, Any]) -> str:
    chance = ending["chance"]
    return "under 1 %" if 0 < chance < 0.01 else "over 99 %" if 0.99 < chance < 1 else f"{chance * 100:.0f} %"


def _money(ending: Mapping[str, Any]) -> str:
    credit = ending["expected_credit"]
    return "" if credit is None else words.money(credit["amount"], credit["currency"])


def _slots(better: Mapping[str, Any] | None) -> Iterator[Slot]:
    for slot in better["slots"][:SLOTS] if better is not None else ():
        windows = tuple((parse_instant(one["start"]), parse_instant(one["end"])) for one in slot["windows"])
        value = ";".join(f"{one['start']}/{one['end']}" for one in slot["windows"])
        yield Slot(value, windows, tuple(words.sentence(reason) for reason in slot["reasons"]))
