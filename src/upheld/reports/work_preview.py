"""What a planned work would do, as JSON has it: instants as RFC 3339, money as {amount, currency}, rounded half-up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from upheld.agreements.credits import to_minor_unit
from upheld.agreements.units import decimal_text, format_instant
from upheld.analysis.better_slot import ALIKE, Candidate, Wanted
from upheld.analysis.foreseen_work import Affected, Ending, Foreseen
from upheld.analysis.planned_impact import Frozen, Pair
from upheld.analysis.work_preview import Preview
from upheld.maintenance.wording import duration_words, instant_words
from upheld.reports.topology import NAMED, reach_document

PLACES = 6


def preview_document(preview: Preview, limit: int) -> dict[str, Any]:
    """All of it; the dearest `limit` agreements and customers are listed, the sums are of all."""
    by_cost = sorted(preview.agreements, key=lambda one: (-one.expected_if_not, one.agreement.id))
    return {
        "start": format_instant(preview.work.start),
        "end": format_instant(preview.work.end),
        "windows": [{"start": format_instant(start), "end": format_instant(end)} for start, end in preview.work.spans],
        "services": list(preview.work.services),
        "as_of": format_instant(preview.as_of),
        "impact": reach_document(preview.topology, preview.impact),
        "warnings": warnings(preview),
        "total": sums(preview.agreements),
        "customers_count": len({one.agreement.customer for one in preview.agreements}),
        "customers": customer_sums(preview.agreements)[:limit],
        "agreements_count": len(preview.agreements),
        "agreements": [agreement_document(one) for one in by_cost[:limit]],
        "better": None if preview.wanted is None else _better(preview, preview.wanted),
    }


def agreement_document(found: Affected) -> dict[str, Any]:
    """One agreement, with its promises."""
    return {
        "agreement": found.agreement.id,
        "customer": found.agreement.customer,
        "services": list(found.services),
        "announcement": {
            "in_time": found.announcement.earned,
            "services": list(found.announcement.services),
            "reason": found.announcement.reason,
        },
        "expected_credit": {
            "if_earned": money(found.expected_if_earned, found.currency),
            "if_not_earned": money(found.expected_if_not, found.currency),
            "as_announced": money(found.expected, found.currency),
        },
        "promises": [_promise(one) for one in found.promises],
        "not_foreseen": [
            {"objective": term.objective, "service": term.service, "reason": why} for term, why in found.not_told
        ],
    }


def _promise(found: Foreseen) -> dict[str, Any]:
    stake = found.stake
    budget = stake.allowed * stake.eligible
    low, middle, high = found.left_then
    return {
        "objective": stake.term.objective,
        "service": stake.term.service,
        "period_start": format_instant(stake.window.start),
        "period_end": format_instant(stake.window.end),
        "slot_seconds": stake.term.indicator.slot // 1_000_000,
        "budget": {
            "whole": decimal_text(budget, PLACES),
            "spent": decimal_text(stake.spent, PLACES),
            "left": decimal_text(budget - stake.spent, PLACES),
            "left_at_start": {"low": low, "middle": middle, "high": high},
        },
        "window": {"costs": decimal_text(stake.cost, PLACES), "costs_if_earned": decimal_text(stake.edges, PLACES)},
        "would_be_earned": found.earns,
        "if_earned": _ending(found.if_earned, found),
        "if_not_earned": _ending(found.if_not, found),
        "rests_on": {"outages": found.outages, "good": found.good},
    }


def _ending(ending: Ending, found: Foreseen) -> dict[str, Any]:
    outcome, charging = ending.outcome, found.stake.term.charging
    return {
        "violated": outcome.violated,
        "bad": decimal_text(outcome.bad, PLACES),
        "budget": decimal_text(outcome.budget, PLACES),
        "attained": None if outcome.attained is None else decimal_text(outcome.attained, 12),
        "credit": None
        if ending.credit is None
        else {"amount": str(ending.credit.amount), "currency": ending.credit.currency},
        "chance": round(ending.likely.chance, 3),
        "expected_credit": money(ending.likely.credit, None if charging is None else charging.currency),
    }


def money(amount: Fraction, currency: str | None) -> dict[str, str] | None:
    """None where nothing is charged for."""
    return None if currency is None else {"amount": str(to_minor_unit(amount, currency)), "currency": currency}


# -- better windows -------------------------------------------------------------------------------------------------


def _better(preview: Preview, wanted: Wanted) -> dict[str, Any]:
    asked = preview.asked
    return {
        "earliest": format_instant(wanted.earliest),
        "latest": format_instant(wanted.latest),
        "hours": hours_text(wanted.hours),
        "asked": None if asked is None else _candidate(asked),
        "slots": [
            {**_candidate(one), "reasons": [] if asked is None else list(why_better(one, asked, preview, wanted))}
            for one in preview.better
        ],
    }


def hours_text(hours: tuple[int, int]) -> str:
    """`22:00-06:00`."""
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in hours)


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "start": format_instant(one.start),
        "end": format_instant(one.end),
        "windows": [{"start": format_instant(start), "end": format_instant(end)} for start, end in one.windows],
        "adds": {
            "as_announced": {"credit": _amounts(one.adds), "breaches": round(one.breaches, 2)},
            "if_not_earned": {"credit": _amounts(one.adds_if_not), "breaches": round(one.breaches_if_not, 2)},
        },
        "late": one.late,
        "off_hours": one.off_hours,
        "same_night": one.same_night,
        "frozen": one.frozen,
        "both_paths": one.apart,
        "counting_seconds": one.counting // 1_000_000,
    }


def _amounts(amounts: Mapping[str, float]) -> dict[str, str]:
    return {c: str(to_minor_unit(Fraction(max(amount, 0.0)), c)) for c, amount in sorted(amounts.items())}


def why_better(one: Candidate, asked: Candidate, preview: Preview, wanted: Wanted) -> Iterator[str]:
    """Why a window is better than that which was asked for, a sentence each with its figures."""
    count = len(preview.agreements)
    if asked.frozen:
        yield "in no freeze period"
    if asked.apart:
        yield "takes no pair together with another work"
    for said, before, after in (
        ("adds {} to the credits to be expected instead of {}", asked.adds, one.adds),
        ("if no exclusion is earned it adds {} instead of {}", asked.adds_if_not, one.adds_if_not),
    ):
        told = [c for c, amount in before.items() if amount - after.get(c, 0) > ALIKE * asked.adds_if_not.get(c, 0)]
        if told:
            now, then = _amounts(after), _amounts(before)
            yield said.format(*(", ".join(f"{of.get(c, '0')} {c}" for c in told) for of in (now, then)))
    preferred = f"outside of {hours_text(wanted.hours)} local time"
    for said, earlier, later in (
        ("announced now, it would count under {} of {} agreements instead of {}", asked.late, one.late),
        (preferred + " for {} of {} agreements instead of {}", asked.off_hours, one.off_hours),
        ("another work in the same night for {} of {} agreements instead of {}", asked.same_night, one.same_night),
    ):
        if later < earlier:
            yield said.format(f"{later:,}", f"{count:,}", f"{earlier:,}")
    if one.counting < asked.counting:
        less_time, more_time = (duration_words(time) for time in (one.counting, asked.counting))
        yield f"{less_time if one.counting else 'nothing'} counts against promises, summed up, instead of {more_time}"


# -- sums -----------------------------------------------------------------------------------------------------------


def sums(agreements: Iterable[Affected]) -> dict[str, Any]:
    """What is to be expected of some agreements together: credits by currency, and how many of their promises are
    broken, in periods."""
    totals: dict[str, tuple[Fraction, Fraction, Fraction]] = {}
    chances = [0.0, 0.0, 0.0]
    certain = [0, 0]
    promises = 0
    for one in agreements:
        if one.currency is not None:
            before = totals.get(one.currency, (Fraction(0),) * 3)
            more = (one.expected_if_earned, one.expected_if_not, one.expected)
            first, second, third = (a + b for a, b in zip(before, more, strict=True))
            totals[one.currency] = first, second, third
        for promise in one.promises:
            promises += 1
            both = promise.if_earned.likely, promise.if_not.likely
            for place, likely in enumerate((*both, promise.likely)):
                chances[place] += likely.chance
            certain[0] += promise.if_earned.outcome.violated
            certain[1] += promise.if_not.outcome.violated
    by_place = [{c: str(to_minor_unit(amounts[i], c)) for c, amounts in sorted(totals.items())} for i in range(3)]
    return {
        "promises": promises,
        "if_earned": {"credit": by_place[0], "breaches": round(chances[0], 2), "broken_by_the_work": certain[0]},
        "if_not_earned": {"credit": by_place[1], "breaches": round(chances[1], 2), "broken_by_the_work": certain[1]},
        "as_announced": {"credit": by_place[2], "breaches": round(chances[2], 2)},
    }


def customer_sums(agreements: Iterable[Affected]) -> list[dict[str, Any]]:
    """The same for each customer, the dearest first."""
    by_customer: dict[str, list[Affected]] = {}
    for one in agreements:
        by_customer.setdefault(one.agreement.customer, []).append(one)
    ordered = sorted(by_customer.items(), key=lambda item: (-sum(a.expected_if_not for a in item[1]), item[0]))
    return [
        {"customer": customer, "agreements": [a.agreement.id for a in own], **sums(own)} for customer, own in ordered
    ]


# -- warnings -------------------------------------------------------------------------------------------------------


def warnings(preview: Preview) -> list[dict[str, Any]]:
    """What there is to be warned of, a sentence each with what it is about; of a kind the first so many."""
    found = [_pair(one, preview.titles) for one in preview.pairs[:NAMED]]
    found += [_frozen(one) for one in preview.frozen[:NAMED]]
    found += [
        {
            "kind": "same_night",
            "text": f"{listed(one.customers)} {'has' if len(one.customers) == 1 else 'have'} another work in the same "
            f"night: {one.title!r} ({one.work}), {instant_words(one.start)} to {instant_words(one.end)}",
            "work": one.work,
            "customers": list(one.customers)[:NAMED],
        }
        for one in preview.nights[:NAMED]
    ]
    return found + [late for late in [_late(preview.agreements)] if late is not None]


def _pair(pair: Pair, titles: Mapping[str, str]) -> dict[str, Any]:
    stands_in = f"{listed(pair.members, last=' and ')}, which stand in for each other under {listed(pair.dependents)}"
    text = f"the work takes down {stands_in}, at once"
    if pair.work is not None:
        text = f"together with {titles.get(pair.work, pair.work)!r} ({pair.work}) {text}"
    if pair.down:
        known = "; ".join(f"{name} is down now: {why}" for name, why in pair.down)
        text = f"as things are now, nothing is left of {stands_in} ({known})"
    return {
        "kind": "both_paths",
        "text": text,
        "members": list(pair.members),
        "dependents": list(pair.dependents)[:NAMED],
        "dependents_count": len(pair.dependents),
        **({"work": pair.work} if pair.work is not None else {}),
        **({"down": [{"name": name, "reason": why} for name, why in pair.down]} if pair.down else {}),
    }


def _frozen(one: Frozen) -> dict[str, Any]:
    whose = "the provider's" if one.agreement is None else f"that of {one.agreement}"
    return {
        "kind": "freeze",
        "text": f"the window falls into a freeze period, {whose}: {one.reason}, {instant_words(one.start)} to "
        f"{instant_words(one.end)}",
        "agreement": one.agreement,
        "start": format_instant(one.start),
        "end": format_instant(one.end),
        "reason": one.reason,
    }


def _late(agreements: Sequence[Affected]) -> dict[str, Any] | None:
    """That announcing it now would not let the window be excluded under some agreements."""
    late = [one for one in agreements if not one.announcement.earned]
    if not late:
        return None
    return {
        "kind": "not_excluded",
        "text": f"announced now, the window would count under {listed([one.agreement.id for one in late])}: "
        f"{late[0].announcement.reason}" + ("" if len(late) == 1 else f" ({late[0].agreement.id})"),
        "agreements": [one.agreement.id for one in late][:NAMED],
        "agreements_count": len(late),
    }


def listed(names: Sequence[str], most: int = 6, last: str = ", ") -> str:
    """`a, b and 3 more`."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} more"
    return ", ".join(shown[:-1]) + (last if len(shown) > 1 else "") + shown[-1] if shown else ""
