"""What a file of channels says: where playbooks reach outside, and the clients that reach there. `docs/playbooks.md`
has an example of each kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from upheld.actions.runs import TICKETS
from upheld.agreements.fields import Document, Name, check_unique
from upheld.brokers.secrets import NoSecret, resolved
from upheld.brokers.servers import Secret, plain_url
from upheld.channels.jira import JiraTickets
from upheld.channels.json_api import Authorization, JsonApi, basic, bearer
from upheld.channels.paging import ApprisePager
from upheld.channels.public_addresses import AnyNetwork, PublicAddresses
from upheld.channels.servicenow import ServiceNowTickets
from upheld.channels.tmf621 import Tmf621Tickets
from upheld.channels.webhook import SignedWebhooks
from upheld.channels.webhook_tickets import WebhookHook, WebhookTickets
from upheld.ports import Channels, Clock, DeliveryError, Hook, Pager, Tickets
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text

Url = Annotated[str, plain_url("http://", "https://")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class _Channel(Document):
    """What every channel has. Only these tenants may use it, or all where none are given."""

    id: Id
    tenants: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _no_password_in_address(self) -> Self:
        # not a check of the field, whose fault would show what it found
        if "@" in urlsplit(getattr(self, "url", "")).netloc:
            raise ValueError("url: has a user or a password; they go into fields of their own")
        return self


class WebhookChannel(_Channel):
    """An automation that is called by signed webhooks; with `tickets: true`, a ticket system that is."""

    kind: Literal["webhook"]
    url: Url
    secret: Secret
    tickets: bool = False


class Tmf621Channel(_Channel):
    """A ticket system with TMF621 Trouble Ticket v4 below `url`."""

    kind: Literal["tmf621"]
    url: Url
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None


class ServiceNowChannel(_Channel):
    """An instance of ServiceNow."""

    kind: Literal["servicenow"]
    url: Url
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None


class JiraChannel(_Channel):
    """A project of Jira: `username` is an e-mail address, `password` an API token."""

    kind: Literal["jira"]
    url: Url
    username: str
    password: Secret
    project: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,79}$")]
    issue_type: Name = "Task"


class AppriseChannel(_Channel):
    """A destination as Apprise writes it. It holds secrets, so it is a reference as a whole."""

    kind: Literal["apprise"]
    destination: Secret


Channel = WebhookChannel | Tmf621Channel | ServiceNowChannel | JiraChannel | AppriseChannel


class Declaration(Document):
    """All channels of an installation."""

    channels: Annotated[tuple[Annotated[Channel, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        check_unique("channels", [channel.id for channel in self.channels])
        for number, channel in enumerate(self.channels):
            tickets = not isinstance(channel, AppriseChannel | WebhookChannel) or (
                isinstance(channel, WebhookChannel) and channel.tickets
            )
            if channel.id == TICKETS and not tickets:
                raise ValueError(f"channels.{number}.id: {TICKETS} is where tickets go, and this is no ticket system")
        return self


def read_channels(path: Path) -> tuple[Channel, ...]:
    """A file of channels. Raises InputError with every fault."""
    return validate(Declaration, parse_yaml(read_text(path), str(path))).channels


def opened(
    declared: Sequence[Channel], allowed: Sequence[AnyNetwork], webhooks: SignedWebhooks, default: Tickets, clock: Clock
) -> Channels:
    """The channels with a client each; tickets that name none go to `default` where none is called `tickets`. Raises
    ValueError where one cannot be opened."""
    addresses = PublicAddresses(allowed)
    tickets: dict[str, Tickets] = {TICKETS: default}
    pagers: dict[str, Pager] = {}
    hooks: dict[str, Hook] = {}
    for channel in declared:
        match channel:
            case WebhookChannel():
                if channel.tickets:
                    tickets[channel.id] = WebhookTickets(webhooks, channel.url, _secret(channel.secret), clock)
                else:
                    hooks[channel.id] = WebhookHook(webhooks, channel.url, _secret(channel.secret))
            case Tmf621Channel():
                tickets[channel.id] = Tmf621Tickets(_api(addresses, channel), clock)
            case ServiceNowChannel():
                tickets[channel.id] = ServiceNowTickets(_api(addresses, channel))
            case JiraChannel():
                tickets[channel.id] = JiraTickets(_api(addresses, channel), channel.project, channel.issue_type)
            case AppriseChannel():
                pagers[channel.id] = ApprisePager(channel.id, _secret(channel.destination))
    limited = {channel.id: channel.tenants for channel in declared if channel.tenants is not None}
    return Channels(tickets, pagers, hooks, limited)


def _api(addresses: PublicAddresses, channel: Tmf621Channel | ServiceNowChannel | JiraChannel) -> JsonApi:
    return JsonApi(addresses, channel.url, _authorization(channel), "the ticket system")


def _authorization(channel: Tmf621Channel | ServiceNowChannel | JiraChannel) -> Authorization:
    token = None if isinstance(channel, JiraChannel) else channel.token
    if token is not None:
        return bearer(_secret(token))
    if channel.username is not None and channel.password is not None:
        return basic(channel.username, _secret(channel.password))
    if channel.username is not None or channel.password is not None:
        raise ValueError(f"channel {channel.id}: username and password go together")
    return lambda: None


def _secret(reference: str) -> Callable[[], str]:
    """Looks a secret up, anew each time."""

    def look_up() -> str:
        try:
            return resolved(reference)
        except NoSecret as error:
            raise DeliveryError(str(error)) from None

    return look_up
