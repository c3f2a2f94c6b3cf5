"""Whom agreements are between, and what their services run over."""

import base64
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from upheld.agreements.fields import Document, Name, Zone


class Contact(Document):
    """One address of a role. Exactly one channel each."""

    email: Annotated[str, Field(pattern=r"^[^@\s<>,;:\"]+@[^@\s<>,;:\"]+$", max_length=254)] | None = None
    webhook: Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2000)] | None = None
    secret: Annotated[str | None, Field(min_length=24, repr=False)] = None
    """The webhook's signing secret (Standard Webhooks, `whsec_...`)."""
    language: Literal["en"] = "en"

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        if (self.email is None) == (self.webhook is None):
            raise ValueError("give either email or webhook")
        if self.webhook is not None and self.secret is None:
            raise ValueError("a webhook has a secret to sign with")
        if self.secret is not None:
            _check_secret(self.secret)
        return self


def _check_secret(secret: str) -> None:
    """Standard Webhooks: base64 of 24 to 64 random bytes, after `whsec_`. The fault never repeats the secret."""
    try:
        encoded = secret.removeprefix("whsec_").rstrip("=")
        size = len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except ValueError:
        size = 0
    if not 24 <= size <= 64:
        raise ValueError("secret: must be whsec_ and the base64 of 24 to 64 random bytes")


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
