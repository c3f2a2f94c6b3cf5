"""The exclusions that an announced work earns. DESIGN rule 13."""

from upheld.maintenance.model import Announcement, Maintenance
from upheld.measurements.exclusions import Exclusion

PLANNED_MAINTENANCE = "planned_maintenance"


def exclusions(maintenance: Maintenance, announcement: Announcement, known_at: int) -> dict[str, Exclusion]:
    """One exclusion of the window for each service that the announcement earned it for, for the announced agreement
    only, by its id. The id is the same each time that the same planning of the work is decided on."""
    return {
        exclusion_id(maintenance, announcement.agreement, service): Exclusion(
            service=service,
            start=maintenance.start,
            end=maintenance.end,
            reason=PLANNED_MAINTENANCE,
            approved_by=f"{maintenance.approved_by} (work {maintenance.id})" if maintenance.approved_by else None,
            agreement=announcement.agreement,
            known_at=known_at,
        )
        for service in announcement.services
    }


def exclusion_id(maintenance: Maintenance, agreement: str, service: str) -> str:
    """What names the exclusion, for granting it once. A work that is moved has a new `sequence` and earns anew."""
    return f"maintenance/{maintenance.id}/{maintenance.sequence}/{agreement}/{service}"
