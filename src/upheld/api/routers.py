"""Every router of the API."""

from fastapi import APIRouter

from upheld.api import agreements, cases, events, health, maintenance, measurements, records, verdicts
from upheld.app import Application


def routers(application: Application) -> list[APIRouter]:
    """The routers of one application."""
    parts = (health, measurements, events, agreements, verdicts, cases, maintenance, records)
    return [part.router(application) for part in parts]
