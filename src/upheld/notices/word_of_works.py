"""What a contact was told of a planned work, read from the notice that told it. Instants in microseconds UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from upheld.agreements.units import format_instant, parse_instant
from upheld.maintenance.model import Maintenance, Window
from upheld.notices.model import Notice


@dataclass(frozen=True, slots=True)
class Word:
    """A work as a notice tells it: `services` are those of the agreement that it hits."""

    title: str
    description: str
    windows: tuple[Window, ...]
    services: tuple[str, ...]
    sequence: int

    def document(self) -> dict[str, Any]:
        """As a webhook's body has it."""
        start, end = self.windows[0][0], self.windows[-1][1]
        return {
            "title": self.title,
            "start": format_instant(start),
            "end": format_instant(end),
            "windows": windows_document(self.windows),
            "services": list(self.services),
        }

    def holds_of(self, work: Maintenance, services: Sequence[str]) -> bool:
        """Whether it is still so."""
        said = (self.title, self.description, self.windows)
        return said == (work.title, work.description, work.spans) and set(self.services) == set(services)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What contacts (see `whom`) were told of a work before it was changed, and the occasion in the ids of the
    notices that tell them of the change."""

    occasion: str = ""
    told: Mapping[str, Word] = field(default_factory=dict)


NOTHING_EARLIER = Earlier()


def whom(notice: Notice) -> str:
    """The address of the contact that a notice is for, whoever stands in for it, and wherever it went."""
    return notice.instead_of or notice.address


def as_told(notice: Notice) -> Word:
    """What an announcement, a change or a cancellation to somebody says."""
    assert notice.payload is not None, "a notice to nobody tells nothing"
    data = notice.payload["data"]
    work = data["maintenance"]
    return Word(
        title=work["title"],
        description=work["description"],
        windows=tuple((parse_instant(w["start"]), parse_instant(w["end"])) for w in work["windows"]),
        services=tuple(data["services"]),
        sequence=work["sequence"],
    )


def windows_document(windows: Sequence[Window]) -> list[dict[str, str]]:
    """Windows as JSON has them."""
    return [{"start": format_instant(start), "end": format_instant(end)} for start, end in windows]
