"""What is to be expected of a case's period, as its page draws it and says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from upheld.agreements.objectives import Objective
from upheld.analysis.outlook import AnyOutlook, NotForeseen, OpenEvents, Outlook, Range
from upheld.assessment.verdict import Credit, Verdict
from upheld.web import words

OPEN_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """Places in percent of a bar's length: what was bad so far, the interval of what is bad in the end with its middle,
    and the budget; `in_words` says the same."""

    in_words: str
    spent: str
    low: str
    width: str
    middle: str
    budget: str


@dataclass(frozen=True, slots=True)
class Expected:
    """`pairs` are further lines, each with its name; `bar` is None where there is nothing to draw."""

    headline: str
    pairs: tuple[tuple[str, str], ...] = ()
    bar: Bar | None = None


def expected(found: AnyOutlook, verdict: Verdict, objective: Objective, now: int) -> Expected:
    """The outlook of a verdict, drawn and in words."""
    if isinstance(found, NotForeseen):
        return Expected("Not foreseen", (("Why", f"{words.sentence(found.why)}."),))
    if isinstance(found, OpenEvents):
        return _of_open_events(found, now)
    if found.bad is None:
        return _of_window(found, verdict, objective)
    return _of_period(found, found.bad, verdict, objective)


def _of_period(found: Outlook, bad: Range, verdict: Verdict, objective: Objective) -> Expected:
    slot = objective.indicator.slot if found.counted == "slots" else None
    budget = Fraction(verdict.budget or 0)
    whole = max(Fraction(bad.high), budget, Fraction(1)) * Fraction(21, 20)
    in_the_end = _between([_amount(n, slot) for n in (bad.low, bad.middle, bad.high)])
    pairs = [("Bad in the end", in_the_end)]
    if found.share is not None and found.allowed is not None:
        pairs.append(("Bad of the last day", f"{found.share:.3%} of the events; {found.allowed:.3%} may be"))
    if verdict.violated_at is None:
        pairs.append(("Budget runs out", _runs_out(found, "in this period")))
    if any(found.credit):
        pairs.append(("Credit at stake", _between([_money(credit) for credit in found.credit])))
    pairs.append(("Rests on", _rests_on(found, slot)))
    bar = Bar(
        in_words=f"bad in the end: {in_the_end}; the budget is {_amount(int(budget), slot)}",
        spent=_percent(Fraction(verdict.bad), whole),
        low=_percent(Fraction(bad.low), whole),
        width=_percent(Fraction(max(bad.high - bad.low, 0)), whole, least=Fraction(1, 200)),
        middle=_percent(Fraction(bad.middle), whole),
        budget=_percent(budget, whole),
    )
    broken = verdict.violated_at is not None
    headline = "The promise is broken, and cannot be kept in this period any more"
    return Expected(headline if broken else f"{_likely(found.chance)} by the period’s end", tuple(pairs), bar)


def _of_window(found: Outlook, verdict: Verdict, objective: Objective) -> Expected:
    length = words.span(verdict.period_end - verdict.period_start)
    rests = ("Rests on", _rests_on(found, objective.indicator.slot))
    if found.recovers is None:
        runs_out = ("Budget runs out", _runs_out(found, f"in the next {length}"))
        return Expected(f"{_likely(found.chance)} in the next {length}", (runs_out, rests))
    low, middle, high = found.recovers
    if low is None:
        return Expected(f"Not good again in the next {length}, in nine cases of ten", (rests,))
    earliest, latest = words.instant(_minute(low)), "later" if high is None else words.instant(_minute(high))
    usual = "later than in this window’s length" if middle is None else f"about {words.instant(_minute(middle))}"
    when = f"{usual}, between {earliest} and {latest} four times of five"
    return Expected("Broken, until enough of what is bad has left the window", (("Good again", when), rests))


def _of_open_events(found: OpenEvents, now: int) -> Expected:
    first = found.events[0]
    pairs = [
        (
            one.named,
            f"late from {words.instant(one.due)} on; {words.span(one.left)} left by its clock"
            + ("; then the promise is broken" if one.breaks else ""),
        )
        for one in found.events[:OPEN_SHOWN]
    ]
    more = len(found.events) - OPEN_SHOWN
    if more > 0:
        pairs.append(("And", f"{more} more"))
    return Expected(f"The next event is late {words.relative(first.due, now)}", tuple(pairs))


def _likely(chance: float) -> str:
    percent = f"{chance:.0%}" if 0.01 <= chance <= 0.99 else "1 %" if chance < 0.5 else "99 %"
    number = percent.removesuffix("%").strip()
    bound = "less than " if chance < 0.01 else "more than " if chance > 0.99 else ""
    return f"{bound}{number} % likely to be broken".capitalize()


def _amount(count: int, slot: int | None) -> str:
    if not count:
        return "none"
    return f"{count:,} event{'' if count == 1 else 's'}" if slot is None else words.span(count * slot)


def _runs_out(outlook: Outlook, here: str) -> str:
    low, middle, high = outlook.runs_out
    if low is None:
        return f"not {here}, in nine cases of ten"
    if middle is None:
        return f"more likely not {here}; at the earliest about {words.instant(_minute(low))}"
    latest = f"or not {here}" if high is None else f"and {words.instant(_minute(high))}"
    return f"about {words.instant(_minute(middle))}, between {words.instant(_minute(low))} {latest}"


def _minute(at: int) -> int:
    return at - at % 60_000_000


def _between(three: Sequence[str]) -> str:
    low, middle, high = three
    return middle if low == high else f"{middle}, between {low} and {high} four times of five"


def _money(credit: Credit | None) -> str:
    return "none" if credit is None else words.money(credit.amount, credit.currency)


def _rests_on(outlook: Outlook, slot: int | None) -> str:
    if slot is None:
        return f"what was counted in {outlook.good // 24} days before; the longer the past, the narrower the interval"
    outages = (
        "no outage" if not outlook.outages else "one outage" if outlook.outages == 1 else f"{outlook.outages} outages"
    )
    return (
        f"{outages} in {words.span(outlook.good * slot)} of good time; the longer the past, the narrower the interval"
    )


def _percent(part: Fraction, whole: Fraction, least: Fraction = Fraction(0)) -> str:
    return f"{float(max(min(part / whole, Fraction(1)), least) * 100):.2f}%"
