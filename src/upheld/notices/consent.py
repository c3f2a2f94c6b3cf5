"""What a contact may stop by itself: notices that an agreement does not need to be kept. Pure."""

from upheld.notices.model import NoticeKind

OPTIONAL: frozenset[NoticeKind] = frozenset(
    {"update", "resumed", "maintenance_reminder", "maintenance_started", "maintenance_over"}
)
"""All else is what the agreement promises to tell, or what an exclusion is earned by: who does not want it any more has
its contact taken out of the agreement."""
