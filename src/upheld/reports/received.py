"""Received notices of planned work as JSON: what came, what was understood, and what became of it."""

from collections.abc import Sequence
from typing import Any

from upheld.agreements.units import format_instant
from upheld.maintenance.received import NoticedWindow, Received


def received_document(received: Received, windows: Sequence[NoticedWindow]) -> dict[str, Any]:
    """A notice with its windows; its body is asked for by itself."""
    return {
        "id": received.id,
        "sha256": received.digest,
        "received_at": format_instant(received.received_at),
        "source": received.source,
        "name": received.name,
        "sender": received.sender,
        "windows": [window_document(window) for window in windows],
    }


def window_document(window: NoticedWindow) -> dict[str, Any]:
    """One window of a notice: `understood` is null where nothing was."""
    return {
        "id": window.id,
        "notice": window.received,
        "state": window.state,
        "asks_for": window.step,
        "questions": list(window.questions),
        "received_at": format_instant(window.received_at),
        "window": window.part,
        "understood": dict(window.said) or None,
        "circuits": [dict(circuit) for circuit in window.circuits],
        "maintenance": window.work,
        "decided_at": None if window.decided_at is None else format_instant(window.decided_at),
        "decided_by": window.decided_by,
        "reason": window.reason,
        "corrected": dict(window.answer),
    }
