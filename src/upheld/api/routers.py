"""Every router of the API."""

from fastapi import APIRouter

from upheld.api import (
    agreements,
    alarms,
    cases,
    claims,
    dead_letters,
    event_sinks,
    events,
    feeds,
    health,
    maintenance,
    mapping,
    measurements,
    metrics,
    notices,
    notices_of_work,
    objections,
    otlp,
    outgoing_events,
    playbooks,
    records,
    remote_write,
    resolutions,
    senders,
    service_problems,
    tmf628,
    tmf642,
    tmf655,
    tmf688,
    topology,
    verdicts,
)
from upheld.app import Application


def routers(application: Application) -> list[APIRouter]:
    """The routers of one application."""
    delivering = (measurements, remote_write, otlp, mapping, dead_letters, senders, events, alarms, tmf642, tmf628)
    telling = (outgoing_events, event_sinks, tmf688)
    handling = (
        agreements,
        topology,
        verdicts,
        claims,
        cases,
        resolutions,
        playbooks,
        service_problems,
        notices_of_work,
        objections,
        maintenance,
        tmf655,
        notices,
        feeds,
        *telling,
        records,
    )
    parts = (health, metrics, *delivering, *handling)
    return [part.router(application) for part in parts]
