"""The exclusions that an announced work earns. DESIGN rule 13."""

from upheld.agreements.units import format_instant
from upheld.maintenance.model import Announcement, Maintenance
from upheld.measurements.exclusions import Exclusion

PLANNED_MAINTENANCE = "planned_maintenance"


def exclusions(maintenance: Maintenance, announcement: Announcement, known_at: int) -> dict[str, Exclusion]:
    """One exclusion for each part of the windows that the announcement earned, for the announced agreement only, by
    its id. The id is the same each time that the same is earned."""
    return {
        exclusion_id(maintenance, announcement.agreement, service, start, end): Exclusion(
            service=service,
            start=start,
            end=end,
            reason=PLANNED_MAINTENANCE,
            approved_by=_approved_by(maintenance, announcement, start, end),
            agreement=announcement.agreement,
            known_at=known_at,
        )
        for service, start, end in announcement.parts
    }


def _approved_by(maintenance: Maintenance, announcement: Announcement, start: int, end: int) -> str | None:
    """Who let the work happen; and whose word stands for the lead time, where the customer asked for the window."""
    if not maintenance.approved_by:
        return None
    words = dict.fromkeys(word for one, other, word in announcement.by_agreement if one < end and start < other)
    agreed = "".join(f"; by agreement with {word}" for word in words)
    return f"{maintenance.approved_by} (work {maintenance.id}{agreed})"


def exclusion_id(maintenance: Maintenance, agreement: str, service: str, start: int, end: int) -> str:
    """What names the exclusion, for granting it once. A work that is moved earns anew, under other names."""
    return f"maintenance/{maintenance.id}/{agreement}/{service}/{format_instant(start)}/{format_instant(end)}"
