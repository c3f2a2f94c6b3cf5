"""What labelled samples and alarms become: the labels of a series -> the service and the metric that it measures; those
of an alarm -> the service, the metric and the priority of the event that it opens.

The name of a Prometheus metric is the label `__name__`.
"""

import re
from collections.abc import Mapping as Labels
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Self

import re2
from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document, Name
from upheld.measurements.parts import Part, named

TEMPORALITY, DELTA = "__temporality__", "delta"
"""The label of OTLP's sums that tell by how much they rose, and not how much they have come to."""
MAX_MATCHED = 2048
"""So many characters of a label's value are compared with a pattern, and no more."""
_PATTERN_MEMORY = 256 << 10
"""Bytes that a pattern and its automaton may take: the worst that fits compares the longest value in a tenth of a
second."""
MAX_STEPS = 100_000
"""Steps that the programs of all patterns of a mapping may have: they compare a series in half a second at worst."""
_PLACE = re.compile(r"\{([^{}]*)\}")
_PROPER = re.compile(r"[^\s*/][^\x00-\x1f]{0,199}")


def _check_template(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError('write a text, in which a label may stand in braces, such as "vpn-{site}"')
    rest = _PLACE.sub("", text)
    if "{" in rest or "}" in rest or "" in _PLACE.findall(text):
        raise ValueError(f"{text!r}: a label stands in braces, such as {{instance}}")
    return text


def _check_pattern(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError("write a regular expression as a text")
    try:
        _compiled(text)
    except re2.error as error:
        raise ValueError(f"{text!r} is not a regular expression of RE2: {error.args[0].decode()}") from None
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not a regular expression: it is no Unicode") from None
    return text


@lru_cache(1024)
def _compiled(pattern: str) -> Any:
    """A pattern by RE2, as in Prometheus: it takes a time in proportion to the text, whatever the pattern. Python's own
    engine can be kept busy for hours by one pattern and one short text."""
    options = re2.Options()
    options.max_mem, options.log_errors = _PATTERN_MEMORY, False
    return re2.compile(pattern, options)


def _check_scale(number: object) -> Decimal:
    try:
        scale = Decimal(str(number))
    except ArithmeticError:
        raise ValueError("write a number, such as 1000 or 0.001") from None
    if isinstance(number, bool) or not scale.is_finite() or not scale:
        raise ValueError("write a number other than 0, such as 1000 or 0.001")
    return scale


Template = Annotated[str, BeforeValidator(_check_template)]


class Pattern(Document):
    """A label's value, all of it, matches a regular expression in the syntax of RE2."""

    regex: Annotated[str, BeforeValidator(_check_pattern)]


class Matching(Document):
    """Which labels are meant, and the service that they name. Each label in `labels` has that value, one of those
    values, or matches that pattern; a label that is not there counts as empty. `service` is a text with labels in
    braces; `services` says what a service is called here that the labels call otherwise."""

    name: Name | None = None
    labels: Annotated[Labels[str, str | tuple[str, ...] | Pattern], Field(min_length=1)]
    service: Template
    services: Labels[str, Name] = Field(default_factory=dict)

    def matches(self, labels: Labels[str, str]) -> bool:
        """Whether what has these labels is meant."""
        return all(_has(labels.get(name, ""), wanted) for name, wanted in self.labels.items())


class Rule(Matching):
    """How some series are read. Values are multiplied by `scale`. Of a `counter`, which counts up and begins anew now
    and then, what is measured is by how much it rose since the sample before (`measurements.counters`). What is but a
    `part` of a ratio is paired with another part of the same service, metric and instant (`measurements.parts`)."""

    metric: Template
    scale: Annotated[Decimal, BeforeValidator(_check_scale)] = Decimal(1)
    counter: bool = False
    part: Part | None = None


class AlarmRule(Matching):
    """How some alarms are read: what has the labels of an alarm opens an event of that metric, with that priority;
    without a metric it opens none and only concerns the service, or the resource of that name. `priorities` says what
    a priority is called here."""

    metric: Template | None = None
    priority: Template | None = None
    priorities: Labels[str, Name] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _priority_of_an_event(self) -> Self:
        if self.metric is None and (self.priority is not None or self.priorities):
            raise ValueError("priority: belongs to a metric, for without one no event is opened")
        return self


def _has(value: str, wanted: str | tuple[str, ...] | Pattern) -> bool:
    if isinstance(wanted, Pattern):
        return len(value) <= MAX_MATCHED and _compiled(wanted.regex).fullmatch(value) is not None
    return value in wanted if isinstance(wanted, tuple) else value == wanted


class Mapping(Document):
    """The rules of a provider, for series and for alarms, in their order: the first that matches decides."""

    series: tuple[Rule, ...] = ()
    alarms: tuple[AlarmRule, ...] = ()

    @model_validator(mode="after")
    def _known_by_name(self) -> Self:
        if not self.series and not self.alarms:
            raise ValueError("series: must have at least one rule, or alarms must")
        for field, rules in (("series", self.series), ("alarms", self.alarms)):
            names = [rule.name for rule in rules if rule.name is not None]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"{field}: the name {twice!r} stands twice")
        return self

    @model_validator(mode="after")
    def _done_in_time(self) -> Self:
        for field, rules in (("series", self.series), ("alarms", self.alarms)):
            wanted = (one for rule in rules for one in rule.labels.values() if isinstance(one, Pattern))
            steps = sum(_compiled(pattern.regex).programsize for pattern in wanted)
            if steps > MAX_STEPS:
                raise ValueError(
                    f"{field}: the regular expressions are too large together: {steps:,} steps of {MAX_STEPS:,}"
                )
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where the samples of a series go (a part of a ratio under its own name, see `measurements.parts`), what their
    values are multiplied by, and whether they are a counter's."""

    service: str
    metric: str
    scale: Decimal
    counter: bool = False


@dataclass(frozen=True, slots=True)
class AlarmPlace:
    """What an alarm concerns, and the metric and priority of the event that it opens; none without a metric."""

    service: str
    metric: str | None
    priority: str | None


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Why the samples of a series, or an alarm, go nowhere."""

    reason: str


def place(mapping: Mapping, labels: Labels[str, str]) -> Place | Unmapped:
    """What the samples of a series with these labels become."""
    for number, rule in enumerate(mapping.series, 1):
        if rule.matches(labels):
            found = _names(rule, number, (rule.service, rule.metric), labels, "the series")
            counter = rule.counter and labels.get(TEMPORALITY) != DELTA
            if isinstance(found, Unmapped):
                return found
            metric = found[1] if rule.part is None else named(found[1], rule.part)
            return Place(found[0], metric, rule.scale, counter)
    return _unmatched(mapping.series, labels)


def alarm_place(mapping: Mapping, labels: Labels[str, str]) -> AlarmPlace | Unmapped:
    """What an alarm with these labels becomes."""
    for number, rule in enumerate(mapping.alarms, 1):
        if not rule.matches(labels):
            continue
        templates = [template for template in (rule.service, rule.metric, rule.priority) if template is not None]
        found = _names(rule, number, templates, labels, "the alarm")
        if isinstance(found, Unmapped):
            return found
        priority = found[-1] if rule.priority is not None else None
        return AlarmPlace(
            found[0],
            None if rule.metric is None else found[1],
            None if priority is None else rule.priorities.get(priority, priority),
        )
    return _unmatched(mapping.alarms, labels)


def _unmatched(rules: Sequence[Matching], labels: Labels[str, str]) -> Unmapped:
    """That no rule matches; and why not, where a label is too long to be compared with a rule's pattern."""
    compared = {name for rule in rules for name, wanted in rule.labels.items() if isinstance(wanted, Pattern)}
    longest = next((name for name in sorted(compared) if len(labels.get(name, "")) > MAX_MATCHED), None)
    if longest is None:
        return Unmapped("no rule matches")
    return Unmapped(
        f"no rule matches: the label {longest} has more than {MAX_MATCHED} characters, and no pattern takes it"
    )


def labels_named(mapping: Mapping) -> frozenset[str]:
    """Every label that a rule for alarms asks for or puts into a name."""
    templates = [t for rule in mapping.alarms for t in (rule.service, rule.metric, rule.priority) if t is not None]
    asked = {name for rule in mapping.alarms for name in rule.labels}
    return frozenset(asked.union(*(_PLACE.findall(template) for template in templates)))


def may_feed(rule: AlarmRule, service: str, metric: str) -> bool:
    """Whether some alarm could open an event of that service and metric by this rule."""
    named = service in rule.services.values() or _may_be(rule.service, service)
    return named and rule.metric is not None and _may_be(rule.metric, metric)


def _may_be(template: str, name: str) -> bool:
    texts = _PLACE.split(template)[::2]  # between them the labels' names
    return _compiled(".+".join(map(re2.escape, texts))).fullmatch(name) is not None


def _names(
    rule: Matching, number: int, templates: Sequence[str], labels: Labels[str, str], what: str
) -> list[str] | Unmapped:
    """The templates filled in, the first of them the service's; or what they lack."""
    called = rule.name or f"rule {number}"
    named = dict.fromkeys(label for template in templates for label in _PLACE.findall(template))
    missing = [label for label in named if not labels.get(label)]
    if missing:
        return Unmapped(f"{called}: {what} has no label {', '.join(missing)}")
    texts = [_PLACE.sub(lambda match: labels[match[1]], template) for template in templates]
    names = [rule.services.get(texts[0], texts[0]), *texts[1:]]
    improper = next((name for name in names if not _PROPER.fullmatch(name)), None)
    return names if improper is None else Unmapped(f"{called}: {improper!r} cannot be a name")
