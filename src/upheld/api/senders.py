"""Who delivers, and how well that goes."""

from typing import Any

from fastapi import APIRouter

from upheld.agreements.units import SECOND, format_instant
from upheld.api.inputs import Asking
from upheld.app import Application
from upheld.measurements.senders import Sender


def router(application: Application) -> APIRouter:
    """`/v1/senders`."""
    routes = APIRouter(prefix="/v1/senders", tags=["measurements"])

    @routes.get("")
    def many(caller: Asking) -> dict[str, Any]:
        """The senders of the tenant, by the names of their keys or sources, heard of last first: at most 1,000."""
        return {"senders": [_document(sender) for sender in application.senders.of(caller.tenant)]}

    return routes


def _document(sender: Sender) -> dict[str, Any]:
    return {
        "name": sender.name,
        "delivered_at": _instant(sender.delivered_at),
        "measurements": sender.measurements,
        "duplicates": sender.duplicates,
        "conflicts": sender.conflicts,
        "future": sender.future,
        "refused": sender.refused,
        "skew_seconds": _seconds(sender.skew),
        "lag_seconds": _seconds(sender.lag),
        "error": sender.error,
        "error_at": _instant(sender.error_at),
    }


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _seconds(duration: int | None) -> float | None:
    return None if duration is None else round(duration / SECOND, 3)
