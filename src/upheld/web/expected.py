"""What is to be expected of a case's period, as its page draws it and says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from upheld.agreements.objectives import Objective
from upheld.analysis.outlook import Outlook
from upheld.assessment.verdict import Credit, Verdict
from upheld.web import words


@dataclass(frozen=True, slots=True)
class Expected:
    """Places in percent of a bar's length: what was bad so far, the interval of what is bad in the end with its middle,
    and the budget. `headline` and `in_words` say the same; `pairs` are further lines, each with its name."""

    headline: str
    in_words: str
    spent: str
    low: str
    width: str
    middle: str
    budget: str
    pairs: tuple[tuple[str, str], ...]


def expected(outlook: Outlook, verdict: Verdict, objective: Objective) -> Expected:
    """The outlook of a verdict, drawn and in words."""
    slot, bad = objective.indicator.slot, outlook.bad
    budget = Fraction(verdict.budget or 0)
    whole = max(Fraction(bad.high), budget, Fraction(1)) * Fraction(21, 20)
    in_the_end = _between([words.span(n * slot) if n else "none" for n in (bad.low, bad.middle, bad.high)])
    pairs = [("Bad in the end", in_the_end)]
    if verdict.violated_at is None:
        pairs.append(("Budget runs out", _runs_out(outlook)))
    if any(outlook.credit):
        pairs.append(("Credit at stake", _between([_money(credit) for credit in outlook.credit])))
    pairs.append(("Rests on", _rests_on(outlook, slot)))
    return Expected(
        headline=_headline(outlook, verdict),
        in_words=f"bad in the end: {in_the_end}; the budget is {words.span(int(budget * slot))}",
        spent=_percent(Fraction(verdict.bad), whole),
        low=_percent(Fraction(bad.low), whole),
        width=_percent(Fraction(max(bad.high - bad.low, 0)), whole, least=Fraction(1, 200)),
        middle=_percent(Fraction(bad.middle), whole),
        budget=_percent(budget, whole),
        pairs=tuple(pairs),
    )


def _headline(outlook: Outlook, verdict: Verdict) -> str:
    if verdict.violated_at is not None:
        return "The promise is broken, and cannot be kept in this period any more"
    percent = f"{outlook.chance:.0%}" if 0.01 <= outlook.chance <= 0.99 else "1 %" if outlook.chance < 0.5 else "99 %"
    number = percent.removesuffix("%").strip()
    bound = "less than " if outlook.chance < 0.01 else "more than " if outlook.chance > 0.99 else ""
    return f"{bound}{number} % likely to be broken by the period’s end".capitalize()


def _runs_out(outlook: Outlook) -> str:
    low, middle, high = outlook.runs_out
    if low is None:
        return "not in this period, in nine cases of ten"
    if middle is None:
        return f"more likely not in this period; at the earliest about {words.instant(_minute(low))}"
    latest = "or not in this period" if high is None else f"and {words.instant(_minute(high))}"
    return f"about {words.instant(_minute(middle))}, between {words.instant(_minute(low))} {latest}"


def _minute(at: int) -> int:
    return at - at % 60_000_000


def _between(three: Sequence[str]) -> str:
    low, middle, high = three
    return middle if low == high else f"{middle}, between {low} and {high} four times of five"


def _money(credit: Credit | None) -> str:
    return "none" if credit is None else words.money(credit.amount, credit.currency)


def _rests_on(outlook: Outlook, slot: int) -> str:
    outages = (
        "no outage" if not outlook.outages else "one outage" if outlook.outages == 1 else f"{outlook.outages} outages"
    )
    return (
        f"{outages} in {words.span(outlook.good * slot)} of good time; the longer the past, the narrower the interval"
    )


def _percent(part: Fraction, whole: Fraction, least: Fraction = Fraction(0)) -> str:
    return f"{float(max(min(part / whole, Fraction(1)), least) * 100):.2f}%"
