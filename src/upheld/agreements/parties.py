"""Whom agreements are between, and what their services run over."""

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from upheld.agreements.contacts import Contact
from upheld.agreements.fields import Document, Name, Zone


class Party(Document):
    """A customer, or the provider itself: its name and its contacts by role. `tier` is what the provider calls the
    rank of a customer, such as gold; playbooks may ask for it."""

    id: Name
    name: str
    tier: Name | None = None
    time_zone: Zone = ZoneInfo("UTC")
    contacts: Mapping[Name, tuple[Contact, ...]] = Field(default_factory=dict)


class Resource(Document):
    """Something that services run over, such as a switch or a line; its failure hits all that it carries."""

    id: Name
    carries: Annotated[tuple[Name, ...], Field(min_length=1)]
