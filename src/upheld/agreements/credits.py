"""Service credits: tiers over attained or over bad time, which of them holds, and the money. DESIGN rule 11."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from babel.numbers import get_currency_precision

from upheld.agreements.units import format_duration, format_share, parse_duration, parse_share


@dataclass(frozen=True, slots=True)
class AttainedTier:
    """Holds where lowest <= attained < below. `{below: 99.9 %}` is 0 <= attained < 0.999; the printed form
    `{from_attained: 97.90 %, to_attained: 99.69 %}` reads attained cut to the places printed, so that it covers up
    to but not including 99.70 %. `printed` is the upper bound as printed, `places` how many places of a percentage
    attained is read with; see `settled_tiers`."""

    lowest: Fraction
    below: Fraction
    share: Fraction
    printed: Fraction | None = None
    places: int = 0

    def holds(self, attained: Fraction) -> bool:
        return self.lowest <= attained < self.below


@dataclass(frozen=True, slots=True)
class BadTimeTier:
    """Holds where the period's bad time (microseconds) is more than `limit`, or at least `limit` where `inclusive`."""

    limit: int
    inclusive: bool
    share: Fraction

    def holds(self, bad_time: int | Fraction) -> bool:
        return bad_time >= self.limit if self.inclusive else bad_time > self.limit


@dataclass(frozen=True, slots=True)
class DayTier:
    """Gives `days` days of charge for each started `per` (microseconds) of the period's bad time beyond `over`."""

    days: Fraction
    per: int
    over: int = 0

    def days_for(self, bad_time: int | Fraction) -> Fraction:
        """The days of charge that so much bad time (microseconds) earns."""
        return self.days * -(-max(bad_time - self.over, 0) // self.per)


AnyTier = AttainedTier | BadTimeTier | DayTier

_FORMS = (
    "a tier is {below: 99.9 %, share: 10 %}, {over: 4h, share: 10 %}, {from: 4h, share: 10 %}, "
    "{from_attained: 97.90 %, to_attained: 99.69 %, share: 10 %} or {days: 1, per_started: 1h, over: 4h}"
)


def parse_tier(value: object) -> AnyTier:
    """One entry of `credits:` -> a tier. Raises ValueError with the accepted forms."""
    if isinstance(value, AttainedTier | BadTimeTier | DayTier):
        return value
    if not isinstance(value, dict):
        raise ValueError(_FORMS)
    match sorted(value):
        case ["below", "share"]:
            return AttainedTier(Fraction(0), parse_share(value["below"]), parse_share(value["share"]))
        case ["over", "share"]:
            return BadTimeTier(parse_duration(value["over"]), False, parse_share(value["share"]))
        case ["from", "share"]:
            return BadTimeTier(parse_duration(value["from"]), True, parse_share(value["share"]))
        case ["from_attained", "share", "to_attained"]:
            return _parse_printed(value)
        case ["days", "per_started"] | ["days", "over", "per_started"]:
            over = parse_duration(value["over"]) if "over" in value else 0
            return DayTier(_parse_days(value["days"]), parse_duration(value["per_started"]), over)
    raise ValueError(f"{_FORMS}; this one has {', '.join(map(str, value))}")


def _parse_days(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("days: is a number such as 1 or 0.5")
    try:
        days = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError("days: is a number such as 1 or 0.5") from None
    if not 0 < days <= 366:
        raise ValueError("days: must be more than 0 and at most 366")
    return days


def _parse_printed(value: dict[str, object]) -> AttainedTier:
    low, high = parse_share(value["from_attained"]), parse_share(value["to_attained"])
    if low > high:
        raise ValueError("from_attained is not above to_attained")
    places = max(_places(value["from_attained"]), _places(value["to_attained"]))
    return _read_with(AttainedTier(low, high, parse_share(value["share"]), printed=high, places=places), places)


def settled_tiers(tiers: Sequence[AnyTier], target: object) -> tuple[AnyTier, ...]:
    """The tiers of one objective with this target, the printed ones all read with the same places: the finest of them
    and of the target, and at least two, so that `to_attained: 99 %` beside a target of 99.9 % ends before 99.01 %.

    Since the target has no finer places, a tier printed to end below it does not reach it. A tier printed to end at
    the target or above it holds there as it is written: a target may be met and a credit owed, the two are separate."""
    printed = [t.places for t in tiers if isinstance(t, AttainedTier) and t.printed is not None]
    places = max(2, *printed, _places_of(target)) if printed else 0
    return tuple(_read_with(t, places) if isinstance(t, AttainedTier) else t for t in tiers)


def _read_with(tier: AttainedTier, places: int) -> AttainedTier:
    if tier.printed is None:
        return tier
    return replace(tier, below=tier.printed + Fraction(1, 100 * 10**places), places=places)


def _places_of(target: object) -> int:
    """How many places the percentage of a share has, as a decimal without trailing zeros."""
    places = 0
    while isinstance(target, Fraction) and (target * 100 * 10**places).denominator != 1:
        places += 1
    return places


def _places(text: object) -> int:
    _, _, decimals = str(text).replace("%", "").strip().partition(".")
    return len(decimals)


def check_tiers(tiers: Sequence[AnyTier], *, counts_slots: bool, has_attained: bool) -> None:
    """Refuse (ValueError) tiers that contradict each other, leave a range open, or cannot be measured here.

    `counts_slots`: the indicator has bad time. `has_attained`: its attained is a share."""
    attained = sorted((t for t in tiers if isinstance(t, AttainedTier)), key=lambda t: (t.below, t.lowest))
    timed = sorted((t for t in tiers if isinstance(t, BadTimeTier)), key=lambda t: (t.limit, not t.inclusive))
    if attained and not has_attained:
        raise ValueError("credits: an aggregate attains no share; tiers over attained do not apply")
    if (timed or any(isinstance(t, DayTier) for t in tiers)) and not counts_slots:
        raise ValueError("credits: over, from and per_started need bad time, which only an availability indicator has")
    for worse, better in pairwise(attained):
        _check_pair(worse, better)
    _check_open_range(attained)
    for shorter, longer in pairwise(timed):
        if (shorter.limit, shorter.inclusive) == (longer.limit, longer.inclusive):
            raise ValueError(f"credits: two tiers at {format_duration(shorter.limit)}")
        if shorter.share >= longer.share:
            raise ValueError(
                f"credits: the tier at {format_duration(longer.limit)} gives {format_share(longer.share)}, not more "
                f"than the {format_share(shorter.share)} at {format_duration(shorter.limit)}"
            )


def _check_pair(worse: AttainedTier, better: AttainedTier) -> None:
    if worse.printed is not None and better.printed is not None and better.lowest < worse.below:
        last = format_share(min(worse.below, better.below))
        raise ValueError(f"credits: two tiers hold from {format_share(better.lowest)} to below {last}")
    if (worse.below, worse.lowest) == (better.below, better.lowest):
        raise ValueError(f"credits: two tiers below {format_share(worse.below)}")
    if worse.share <= better.share:
        raise ValueError(
            f"credits: the tier below {format_share(worse.below)} gives {format_share(worse.share)}, not more than "
            f"the {format_share(better.share)} of the tier below {format_share(better.below)}"
        )


def _check_open_range(attained: Sequence[AttainedTier]) -> None:
    covered = Fraction(0)
    for tier in sorted(attained, key=lambda t: t.lowest):
        if tier.lowest > covered:
            raise ValueError(
                f"credits: no tier holds from {format_share(covered)} to below {format_share(tier.lowest)}"
            )
        covered = max(covered, tier.below)


def credit_share(tiers: Sequence[AnyTier], attained: Fraction, bad_time: int | Fraction, days: int) -> Fraction:
    """The share of the charge that the worst holding tier gives; 0 where none holds. `bad_time` in microseconds; `days`
    is how many days the charge is for."""
    return max((_share(tier, attained, bad_time, days) for tier in tiers), default=Fraction(0))


def _share(tier: AnyTier, attained: Fraction, bad_time: int | Fraction, days: int) -> Fraction:
    match tier:
        case AttainedTier():
            return tier.share if tier.holds(attained) else Fraction(0)
        case BadTimeTier():
            return tier.share if tier.holds(bad_time) else Fraction(0)
        case DayTier():
            return tier.days_for(bad_time) / days


def to_minor_unit(amount: Fraction, currency: str, *, cut_off: bool = False) -> Decimal:
    """`amount` in whole minor units of the currency (EUR: 0.01, JPY: 1): rounded half-up, or cut off."""
    places = get_currency_precision(currency)
    scaled = amount * 10**places
    rounded = scaled.__floor__() if cut_off else (scaled * 2 + 1).__floor__() // 2
    return Decimal(f"{rounded}E-{places}")  # of its text, which no context of `decimal` rounds
