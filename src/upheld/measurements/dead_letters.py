"""Dead letters: what was sent and could not be taken, set aside with its reason, to be looked at and replayed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

DeadLetterState = Literal["waiting", "replayed", "discarded"]

MAX_BODY = 1024 * 1024
"""Bytes of a body that are kept. One that was larger is kept cut off, to be looked at, and cannot be replayed."""
MAX_LETTERS = 1000
MAX_BYTES = 64 * 1024 * 1024
"""How many letters a tenant may have, and how many bytes of bodies. Beyond it the oldest is dropped, and counted."""
MAX_DETAIL = 100
"""Faults of one letter that are kept."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A body, or those of its rows, that could not be taken. `caller` is who sent it (a key's name, or a broker's
    stream), `protocol` says by which path it came and `format` what the body is written in (a media type): both
    together say how it is replayed. `reason` is one word, such as `malformed`, to filter by; `detail` its faults, each
    with its `message`, and `row` and `field` where it has them. `size` is the bytes that the body had; what is listed
    comes without its body. It came `times`, last at `received_at` (microseconds UTC). `attempts` counts the
    replays that were begun; `ended_at` and `ended_by` say when and by whom it was replayed or discarded."""

    id: str
    received_at: int
    caller: str | None
    protocol: str
    format: str
    reason: str
    detail: tuple[Mapping[str, Any], ...]
    body: bytes
    size: int
    times: int = 1
    state: DeadLetterState = "waiting"
    attempts: int = 0
    ended_at: int | None = None
    ended_by: str | None = None

    @property
    def cut(self) -> bool:
        """Whether the body was larger than is kept."""
        return self.size > MAX_BODY


def held(protocol: str) -> str:
    """What is in a body that came by a path: an alarm or a measurement."""
    return "alarm" if protocol.startswith(("Alertmanager", "TMF642 ")) else "measurement"


def dead_letter(
    received_at: int,
    *,
    caller: str | None,
    protocol: str,
    format: str,
    reason: str,
    detail: Sequence[Mapping[str, Any]],
    body: bytes,
    unread: tuple[str, int] | None = None,
) -> DeadLetter:
    """What is to be set aside. Its id is made of sender, path and body, so that the same body, however often it is
    sent, is one letter. Of a body that was never read, and is empty here, `unread` has what tells it from every other,
    and its size."""
    told = "\0".join((caller or "", protocol, format)).encode()
    name, size = (b"", len(body)) if unread is None else (bytes(1) + unread[0].encode(), unread[1])
    return DeadLetter(
        id=f"DL-{hashlib.sha256(told + bytes(1) + body + name).hexdigest()[:16].upper()}",
        received_at=received_at,
        caller=caller,
        protocol=protocol,
        format=format,
        reason=reason,
        detail=tuple(dict(fault) for fault in detail[:MAX_DETAIL]),
        body=body[:MAX_BODY],
        size=size,
    )
