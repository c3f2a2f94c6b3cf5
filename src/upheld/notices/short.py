"""A notice for a telephone or a chat: what its subject does not say already, in a few words. Pure."""

from upheld.notices.model import Notice

LONGEST = 600
"""Characters: a few text messages."""


def short_text(notice: Notice) -> str:
    """The first paragraph below the title, and the link to answer on where there is one."""
    paragraphs = [" ".join(part.split()) for part in notice.text.split("\n\n")]
    said = next((part for part in paragraphs[1:] if part), "")
    link = ((notice.payload or {}).get("data") or {}).get("link")
    room = LONGEST - (len(link) + 1 if link else 0)
    said = said if len(said) <= room else f"{said[: room - 1]}…"
    return f"{said}\n{link}" if link else said
