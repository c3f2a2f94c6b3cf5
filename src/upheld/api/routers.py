"""Every router of the API."""

from fastapi import APIRouter

from upheld.api import (
    agreements,
    alarms,
    cases,
    dead_letters,
    events,
    health,
    maintenance,
    mapping,
    measurements,
    metrics,
    otlp,
    outgoing_events,
    records,
    remote_write,
    senders,
    service_problems,
    tmf628,
    tmf642,
    verdicts,
)
from upheld.app import Application


def routers(application: Application) -> list[APIRouter]:
    """The routers of one application."""
    delivering = (measurements, remote_write, otlp, mapping, dead_letters, senders, events, alarms, tmf642, tmf628)
    handling = (agreements, verdicts, cases, service_problems, maintenance, outgoing_events, records)
    parts = (health, metrics, *delivering, *handling)
    return [part.router(application) for part in parts]
