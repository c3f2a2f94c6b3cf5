"""Received notices of planned work as JSON: what came, what was understood, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from upheld.agreements.units import format_instant
from upheld.maintenance.received import NoticedWork, Received


def received_document(received: Received, works: Sequence[NoticedWork]) -> dict[str, Any]:
    """A notice with the works that it tells of; its body is asked for by itself."""
    return {
        "id": received.id,
        "sha256": received.digest,
        "received_at": format_instant(received.received_at),
        "source": received.source,
        "name": received.name,
        "sender": received.sender,
        "works": [noticed_document(noticed) for noticed in works],
    }


def noticed_document(noticed: NoticedWork) -> dict[str, Any]:
    """One work that a notice tells of: `understood` is null where nothing was."""
    return {
        "id": noticed.id,
        "notice": noticed.received,
        "state": noticed.state,
        "asks_for": noticed.step,
        "questions": list(noticed.questions),
        "received_at": format_instant(noticed.received_at),
        "part": noticed.part,
        "understood": _understood(noticed.said) if noticed.said else None,
        "windows": [
            word["window"] and dict(zip(("start", "end"), word["window"], strict=True)) for word in noticed.words
        ],
        "circuits": [dict(circuit) for circuit in noticed.circuits],
        "maintenance": noticed.work,
        "decided_at": None if noticed.decided_at is None else format_instant(noticed.decided_at),
        "decided_by": noticed.decided_by,
        "reason": noticed.reason,
        "corrected": dict(noticed.answer),
    }


_OF_WINDOW = ("status", "start", "end", "stamp", "sequence", "uid")
"""What a notice says of each window; the rest it says of the work."""


def _understood(said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a notice says of a work, by its first window, with all of its `windows`."""
    of_work = {name: value for name, value in said[0].items() if name not in ("stamp", "sequence", "uid", "doubts")}
    return {
        **of_work,
        "start": min(one["start"] for one in said),
        "end": max(one["end"] for one in said),
        "windows": [{name: one[name] for name in _OF_WINDOW} for one in said],
        "doubts": list(dict.fromkeys(doubt for one in said for doubt in one["doubts"])),
    }
