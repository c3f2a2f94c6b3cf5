"""The exclusions that an announced work earns. DESIGN rule 13."""

from collections.abc import Sequence

from upheld.maintenance.model import Announcement, Maintenance
from upheld.measurements.exclusions import Exclusion

PLANNED_MAINTENANCE = "planned_maintenance"


def exclusions(
    maintenance: Maintenance, announcement: Announcement, services_hit: Sequence[str], known_at: int
) -> dict[str, Exclusion]:
    """One exclusion of the window for each service, for the announced agreement only, by its id; none where the
    announcement earned none. The id is the same each time that the same planning of the work is decided on."""
    if not announcement.earned:
        return {}
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
        for service in services_hit
    }


def exclusion_id(maintenance: Maintenance, agreement: str, service: str) -> str:
    """What names the exclusion, for granting it once and for revoking it. A work that is moved has a new `sequence`
    and earns anew: revoke under the work as it was before."""
    return f"maintenance/{maintenance.id}/{maintenance.sequence}/{agreement}/{service}"
