"""A notice made of its text: recorded for one address, with the body that is posted where that is a webhook's. Pure;
instants in microseconds UTC."""

from collections.abc import Mapping
from typing import Any

from upheld.agreements.units import format_instant
from upheld.notices.model import Channel, Notice, NoticeKind
from upheld.notices.texts import Text


def written(
    key: str,
    kind: NoticeKind,
    role: str,
    place: tuple[Channel, str],
    text: Text,
    at: int,
    due_by: int | None,
    named: Mapping[str, Any],
    data: Mapping[str, Any],
    **further: Any,
) -> Notice:
    """The notice to an address at `place`. `named` is whom or what a webhook's body names it by, `data` the rest of
    that body, and `further` are fields of the notice."""
    channel, address = place
    about = {
        "id": key,
        "kind": kind,
        "role": role,
        **named,
        "due_by": None if due_by is None else format_instant(due_by),
        "subject": text.subject,
        "text": text.text,
    }
    return Notice(
        id=key,
        kind=kind,
        role=role,
        channel=channel,
        address=address,
        subject=text.subject,
        text=text.text,
        html=text.html,
        text_version=text.version,
        reply_to=text.reply_to,
        state="recorded",
        recorded_at=at,
        payload={"type": f"org.upheld.notice.{kind}", "time": format_instant(at), "data": {**about, **data}},
        due_by=due_by,
        **further,
    )
