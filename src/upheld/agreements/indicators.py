"""How an objective's value is computed from what was measured. DESIGN rule 5."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document, Duration, Limit, Name, Share
from upheld.agreements.units import DAY

MissingPolicy = Literal["exclude", "bad", "good"]


def _check_silence(duration: int) -> int:
    if not 0 < duration <= 31 * DAY:
        raise ValueError("must be longer than 0 and at most 31d")
    return duration


SilentAfter = Annotated[Duration, AfterValidator(_check_silence)] | None
"""How long a series that had measurements may have none before a case says so; None: it is not watched."""


class Availability(Document):
    """A slot is good or bad; attained = good / (good + bad). DESIGN rule 5."""

    kind: Literal["availability"]
    metric: Name
    slot: Duration = 60_000_000
    missing: MissingPolicy = "exclude"
    good_when: Limit | None = None
    slot_rule: Literal["any_bad", "all_bad", "mean", "last"] = "any_bad"
    error_rate_over: Share | None = None
    min_total: Annotated[int, Field(ge=0, strict=True)] = 0
    consecutive: Annotated[int, Field(ge=1, strict=True)] = 1
    recovery: Annotated[int, Field(ge=1, strict=True)] = 1
    silent_after: SilentAfter = None

    @model_validator(mode="after")
    def _one_way_to_tell_bad(self) -> Self:
        if (self.good_when is None) == (self.error_rate_over is None):
            raise ValueError("give either good_when (for values) or error_rate_over (for good and total counts)")
        if self.error_rate_over is None and self.min_total:
            raise ValueError("min_total belongs to error_rate_over")
        if self.error_rate_over is not None and "slot_rule" in self.model_fields_set:
            raise ValueError("slot_rule belongs to good_when")
        return self


class Ratio(Document):
    """Good of total events, over the period's events or as the mean of its slots' ratios. DESIGN rule 5."""

    kind: Literal["ratio"]
    metric: Name
    slot: Duration = 60_000_000
    missing: MissingPolicy = "exclude"
    weighting: Literal["events", "slots"] = "events"
    silent_after: SilentAfter = None

    @model_validator(mode="after")
    def _missing_can_count(self) -> Self:
        if self.missing != "exclude" and self.weighting == "events":
            raise ValueError(
                f"missing: {self.missing} needs weighting: slots, for a slot without data has no events to count"
            )
        return self


def _parse_aggregate(text: object) -> str:
    if isinstance(text, str):
        if text in ("mean", "min", "max", "sum"):
            return text
        if re.fullmatch(r"p\d{1,2}(\.\d+)?", text) and Decimal(text[1:]) > 0:
            return text
    raise ValueError("is mean, min, max, sum, or a percentile such as p95 or p99.9")


class Aggregate(Document):
    """mean, min, max, sum or pNN of the period's values, in the metric's unit. DESIGN rule 5."""

    kind: Literal["aggregate"]
    metric: Name
    aggregate: Annotated[str, BeforeValidator(_parse_aggregate)]
    slot: Duration = 60_000_000
    missing: Literal["exclude"] = "exclude"
    silent_after: SilentAfter = None
    exact_up_to: Annotated[int, Field(ge=1, strict=True)] = 1_000_000
    """A percentile of more values than these comes from a sketch, whose error the verdict states."""

    @model_validator(mode="after")
    def _only_percentiles_are_sketched(self) -> Self:
        if "exact_up_to" in self.model_fields_set and not self.aggregate.startswith("p"):
            raise ValueError("exact_up_to belongs to a percentile such as p95; everything else is always exact")
        return self


class Commitments(Document):
    """A promise for each event, such as the restoration of a fault: it is good where the time from its opening to its
    closing, counted in service hours only, is within the limit of its priority, or where it closes by the instant at
    which it is due. DESIGN rule 5.

    `limits` gives the limit by priority; events of other priorities are no part of the promise. `limit` holds for all.
    """

    kind: Literal["duration"]
    metric: Name
    limit: Duration | None = None
    limits: Mapping[Name, Duration] = Field(default_factory=dict)
    hours: Literal["service", "always"] = "service"
    """Whether the clock runs in the agreement's service hours only."""
    by_due: Annotated[bool, Field(strict=True)] = False
    """Whether each event names the instant by which it is due, instead of a limit."""
    slot: ClassVar[int] = 1
    """Events begin and end at any instant: what has slots elsewhere is exact to the microsecond here."""
    missing: ClassVar[MissingPolicy] = "exclude"
    silent_after: ClassVar[int | None] = None

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if [self.limit is not None, bool(self.limits), self.by_due].count(True) != 1:
            raise ValueError(
                "give one of limit (such as 4h), limits (such as {P1: 4h, P2: 8h}) and by_due: true (events say when)"
            )
        return self

    def limit_of(self, priority: str | None) -> int | None:
        """The limit (microseconds) for an event of this priority; None where it is no part of the promise, or due at an
        instant of its own."""
        return self.limit if self.limit is not None else self.limits.get(priority or "")


Indicator = Annotated[Availability | Ratio | Aggregate | Commitments, Field(discriminator="kind")]
