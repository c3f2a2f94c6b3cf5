"""What a file of sources of notices says: where providers' notices of planned work are fetched from.
`docs/maintenance.md` has an example of each kind."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from upheld.agreements.fields import Document, Duration, Name, check_unique
from upheld.agreements.units import MINUTE, SECOND
from upheld.brokers.servers import Id, Secret, plain_url
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text
from upheld.sources.web_files import shown


class _NoticeSource(Document):
    """What every source has. With `provider` every mail is read in that provider's form, whoever sent it."""

    id: Id
    tenant: Name = "default"
    provider: Name | None = None
    every: Annotated[Duration, Field(ge=SECOND // 20)] = MINUTE


class MaildirSource(_NoticeSource):
    """A Maildir: mails are taken from `new/`, and moved to `cur/` as seen once they are on disk here."""

    kind: Literal["maildir"]
    path: Path


class ImapSource(_NoticeSource):
    """A folder of an IMAP server, over TLS. Unseen mails are taken, and marked as seen once they are on disk here. `ca`
    is a file with the authorities that are trusted in place of the system's."""

    kind: Literal["imap"]
    host: Name
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    username: Name
    password: Secret
    folder: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\"\\]+$")] = "INBOX"
    starttls: bool = False
    ca: Path | None = None


class CalendarSource(_NoticeSource):
    """An iCalendar with MAINTNOTE's properties at an address, each event of which is a notice."""

    kind: Literal["calendar"]
    url: Annotated[str, plain_url("https://")]
    every: Annotated[Duration, Field(ge=SECOND // 20)] = 15 * MINUTE


NoticeSource = MaildirSource | ImapSource | CalendarSource


class NoticeSources(Document):
    """All sources of notices of an installation."""

    notices: Annotated[tuple[Annotated[NoticeSource, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "NoticeSources":
        check_unique("notices", [source.id for source in self.notices])
        return self


def read_notice_sources(path: Path) -> tuple[NoticeSource, ...]:
    """A file of sources of notices. Raises InputError with every fault."""
    return validate(NoticeSources, parse_yaml(read_text(path), str(path))).notices


def place_of(source: NoticeSource) -> str:
    """Where a source is, for logs and people."""
    match source:
        case MaildirSource():
            return str(source.path)
        case ImapSource():
            return f"folder {source.folder} of {source.username} at {source.host}:{source.port}"
        case CalendarSource():
            return shown(source.url)
