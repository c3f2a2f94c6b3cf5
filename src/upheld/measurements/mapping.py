"""What labelled samples become: the labels of a series -> the service and the metric that it measures.

The name of a Prometheus metric is the label `__name__`.
"""

import re
from collections.abc import Mapping as Labels
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document, Name

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
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


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
    """A label's value, all of it, matches a regular expression."""

    regex: Annotated[str, BeforeValidator(_check_pattern)]


class Rule(Document):
    """How some series are read. Each label in `labels` has that value, one of those values, or matches that pattern; a
    label that a series has not counts as empty. `service` and `metric` are texts with labels in braces; `services`
    says what a service is called here that the labels call otherwise. Values are multiplied by `scale`."""

    name: Name | None = None
    labels: Annotated[Labels[str, str | tuple[str, ...] | Pattern], Field(min_length=1)]
    service: Template
    metric: Template
    services: Labels[str, Name] = Field(default_factory=dict)
    scale: Annotated[Decimal, BeforeValidator(_check_scale)] = Decimal(1)

    def matches(self, labels: Labels[str, str]) -> bool:
        """Whether a series with these labels is meant."""
        return all(_has(labels.get(name, ""), wanted) for name, wanted in self.labels.items())


def _has(value: str, wanted: str | tuple[str, ...] | Pattern) -> bool:
    if isinstance(wanted, Pattern):
        return re.fullmatch(wanted.regex, value) is not None
    return value in wanted if isinstance(wanted, tuple) else value == wanted


class Mapping(Document):
    """The rules of a provider, in their order: the first that matches decides."""

    series: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _known_by_name(self) -> Self:
        names = [rule.name for rule in self.series if rule.name is not None]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"series: the name {twice!r} stands twice")
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where the samples of a series go, and what their values are multiplied by."""

    service: str
    metric: str
    scale: Decimal


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Why the samples of a series go nowhere."""

    reason: str


def place(mapping: Mapping, labels: Labels[str, str]) -> Place | Unmapped:
    """What the samples of a series with these labels become."""
    for number, rule in enumerate(mapping.series, 1):
        if not rule.matches(labels):
            continue
        called = rule.name or f"rule {number}"
        missing = [label for label in _named(rule) if not labels.get(label)]
        if missing:
            return Unmapped(f"{called}: the series has no label {', '.join(missing)}")
        text = _filled(rule.service, labels)
        found = Place(rule.services.get(text, text), _filled(rule.metric, labels), rule.scale)
        improper = next((name for name in (found.service, found.metric) if not _PROPER.fullmatch(name)), None)
        return found if improper is None else Unmapped(f"{called}: {improper!r} cannot be a name")
    return Unmapped("no rule matches")


def _named(rule: Rule) -> list[str]:
    return list(dict.fromkeys(_PLACE.findall(rule.service) + _PLACE.findall(rule.metric)))


def _filled(template: str, labels: Labels[str, str]) -> str:
    return _PLACE.sub(lambda match: labels[match[1]], template)
