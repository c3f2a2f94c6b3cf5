"""Whom agreements are between, and what their services run over."""

from collections.abc import Mapping
from typing import Annotated, get_args
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from upheld.agreements.contacts import Contact, Email, Language
from upheld.agreements.fields import Document, Name, Zone

CUSTOMER = "customer."
"""What a role of the customer's begins with, in an agreement."""
READABLE = 4.5
"""The contrast that text needs at least to what is behind it (WCAG 2.2, 1.4.3)."""


def _in_each(value: object) -> object:
    """`text` -> the same in every language."""
    return dict.fromkeys(get_args(Language), value) if isinstance(value, str) else value


class Brand(Document):
    """How a provider's notices look. `color` is of what can be pressed, with white on it. `signature`: lines below the
    text, such as the company's particulars and its telephone number, the same in every language or by language.
    `reply_to`: where answers to mails go to, where that is not where they come from."""

    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#1f5fbf"
    signature: Annotated[Mapping[Language, Annotated[str, Field(max_length=1000)]], BeforeValidator(_in_each)] = Field(
        default_factory=dict
    )
    reply_to: Email | None = None

    @field_validator("color")
    @classmethod
    def _readable(cls, color: str) -> str:
        if (contrast := _contrast_to_white(color)) < READABLE:
            raise ValueError(f"white cannot be read on it: the contrast is {contrast:.1f} to 1, and 4.5 is needed")
        return color


def _contrast_to_white(color: str) -> float:
    """WCAG 2.2: from 1 (none) to 21 (black)."""
    shares = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (luminance + 0.05)


class Party(Document):
    """A customer, or the provider itself: its name and its contacts by role. `tier` is what the provider calls the
    rank of a customer, such as gold; playbooks may ask for it. `brand` is the provider's only."""

    id: Name
    name: str
    tier: Name | None = None
    time_zone: Zone = ZoneInfo("UTC")
    contacts: Mapping[Name, tuple[Contact, ...]] = Field(default_factory=dict)
    brand: Brand | None = None


def contacts_of(role: str, customer: Party | None, provider: Party | None) -> tuple[Contact, ...]:
    """`customer.noc` -> the customer's contacts under `noc`; a role without the prefix -> the provider's."""
    party, name = (customer, role.removeprefix(CUSTOMER)) if role.startswith(CUSTOMER) else (provider, role)
    return party.contacts.get(name, ()) if party is not None else ()


def role_and_number(contact: str) -> tuple[str, int | None]:
    """`customer.noc/1` -> the role, and which of its contacts that is, the first is 0; what is no such name, as of one
    who was on the telephone, has no number."""
    role, _, number = contact.rpartition("/")
    return (role, int(number)) if role and number.isdecimal() else (contact, None)


def contact_at(contact: str, customer: Party | None, provider: Party | None) -> Contact | None:
    """The contact that goes by `customer.noc/1`; None where there is none, or not any more."""
    role, number = role_and_number(contact)
    contacts = contacts_of(role, customer, provider)
    return contacts[number] if number is not None and number < len(contacts) else None


class Resource(Document):
    """Something that services run over, such as a switch or a line; its failure hits all that it carries."""

    id: Name
    carries: Annotated[tuple[Name, ...], Field(min_length=1)]
