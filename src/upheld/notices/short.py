"""A notice in few words: for a telephone or a chat, and for a list of several. Pure."""

from upheld.notices.model import Notice

LONGEST = 600
"""Characters: a few text messages."""


def first_paragraph(notice: Notice) -> str:
    """What its text says first below the title."""
    paragraphs = [" ".join(part.split()) for part in notice.text.split("\n\n")]
    return next((part for part in paragraphs[1:] if part), "")


def short_text(notice: Notice) -> str:
    """The first paragraph, and the link to answer on where there is one."""
    said = first_paragraph(notice)
    link = notice.link
    room = LONGEST - (len(link) + 1 if link else 0)
    said = said if len(said) <= room else f"{said[: room - 1]}…"
    return f"{said}\n{link}" if link else said
