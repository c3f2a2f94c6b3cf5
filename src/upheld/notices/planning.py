"""Who is told what and why: an agreement's roles resolved to contacts, and a notice recorded for each. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from upheld.agreements.contacts import Contact, standing_in
from upheld.agreements.model import Agreement
from upheld.agreements.parties import CUSTOMER, Party, contacts_of
from upheld.agreements.units import format_instant
from upheld.cases.clocks import asked_by, update_by
from upheld.cases.model import Case
from upheld.maintenance.calendar import calendar_entry
from upheld.maintenance.earning import Told
from upheld.maintenance.model import Maintenance, Window
from upheld.notices.digest import in_digest
from upheld.notices.facts import case_context, maintenance_context
from upheld.notices.formats import Reader
from upheld.notices.model import ANNOUNCING, Notice, NoticeKind
from upheld.notices.quiet import not_before
from upheld.notices.texts import Text, entry_words, render
from upheld.notices.word_of_works import NOTHING_EARLIER, Earlier, as_told, whom, windows_document
from upheld.notices.writing import written

ACCOUNT_MANAGER = "account-manager"
"""The provider's role that hears of what concerns a customer where no other was named."""
WorkLink = Callable[[str], str]
"""The id of a notice that announces a work -> the signed link on which its contact answers it."""


def plan_case_notices(
    kind: NoticeKind,
    case: Case,
    agreement: Agreement,
    customer: Party | None,
    provider: Party | None,
    at: int,
    *,
    due_by: int | None,
    occasion: str,
    links: Callable[[str], str] | None,
    roles: Sequence[str] | None = None,
    seq: int = 0,
) -> list[Notice]:
    """The notices of an occasion in the life of a case, one for each contact of each role, in the agreement's order;
    none where the agreement promises none. `roles`: only of those. `seq`: see `Notice`.

    A role without a contact gives one that is stopped, and so does a contact that has already been met under an earlier
    role of the list. The id, `<case>/<occasion>/<role>/<n>`, is the key under which it is sent once. `links` makes
    the link on which a contact (`<role>/<n>`) answers; it is asked for question and reminder only. Raises ValueError
    where those have none."""
    notices: list[Notice] = []
    told_roles = case_roles(kind, case, agreement) if roles is None else roles
    for role, number, contact, wanted in contacts_at(told_roles, customer, provider, at):
        key = f"{case.id}/{occasion}/{role}/{number}"
        common = {"customer": case.customer, "agreement": case.agreement, "case_id": case.id, "seq": seq}
        if contact is None:
            notices.append(nobody(key, kind, role, at, due_by, common))
            continue
        link = None
        if kind in ("question", "reminder"):
            if links is None:
                raise ValueError(f"a {kind} needs links")
            link = links(f"{role}/{number}")
        reader = reader_of(role, contact, agreement, customer, provider)
        until = answer_by(kind, agreement, at)
        context = case_context(case, agreement, customer, provider, role, reader, link=link, answer_by=until)
        data = {
            "case": _case_data(case),
            "verdict": dict(case.verdict),
            "link": link,
            "answer_by": None if until is None else format_instant(until),
        }
        notices.append(_notice(key, kind, role, contact, wanted, at, due_by, common, context, data))
    return once_each(notices)


def plan_maintenance_notices(
    kind: NoticeKind,
    maintenance: Maintenance,
    agreement: Agreement,
    customer: Party | None,
    provider: Party | None,
    services_hit: Sequence[str],
    at: int,
    *,
    due_by: int | None,
    occasion: str,
    earlier: Earlier = NOTHING_EARLIER,
    released: bool = False,
    roles: Sequence[str] | None = None,
    link: WorkLink | None = None,
    window: Window | None = None,
) -> list[Notice]:
    """The notices of a planned work to those whom the agreement names in `notices.maintenance`, or to `roles`, each
    with the work's calendar entry; none where it names nobody. The id is `<work>/<occasion>/<agreement>/<role>/<n>`. A
    contact that was told otherwise earlier is told of the change, under the occasion of that. `released`: a work that
    takes place is cancelled for these, whom it does not hit any more. `link` makes the link on which a contact of the
    customer answers an announcement; it is asked for those only. `window` is the one that a reminder is of."""
    promise = agreement.notices.maintenance
    terms = promise.terms_for(maintenance.emergency) if promise is not None else None
    named = roles if roles is not None else terms.to if terms is not None else ()
    entries: dict[tuple[str, int], str] = {}
    notices: list[Notice] = []
    for role, number, contact, wanted in contacts_at(named, customer, provider, at):
        was = None if wanted is None else earlier.told.get(wanted.place[1])
        told_as, of = (kind, occasion) if was is None else ("maintenance_changed", earlier.occasion)
        key = f"{maintenance.id}/{of}/{agreement.id}/{role}/{number}"
        common: dict[str, Any] = {
            "customer": agreement.customer,
            "agreement": agreement.id,
            "maintenance_id": maintenance.id,
        }
        if contact is None:
            notices.append(nobody(key, told_as, role, at, due_by, common))
            continue
        reader = reader_of(role, contact, agreement, customer, provider)
        asks = link is not None and told_as in ("maintenance", "maintenance_changed") and role.startswith(CUSTOMER)
        url = link(key) if link is not None and asks else None
        context = maintenance_context(
            maintenance, agreement, customer, provider, services_hit, role, reader, at, was, released, url, window
        )
        if told_as in (*ANNOUNCING, "maintenance_reminder"):
            entry = reader.language, 1 if was is None else len(was.windows)
            if entry not in entries:
                words = entry_words(context)
                entries[entry] = calendar_entry(
                    maintenance, agreement, provider, services_hit, at, words, told_before=entry[1]
                )
            common["calendar"] = entries[entry]
        data = {"maintenance": maintenance_data(maintenance), "services": list(services_hit)}
        if url is not None:
            data["link"] = url
        if was is not None:
            data["was"] = was.document()
        if window is not None:
            (data["window"],) = windows_document([window])
        notices.append(_notice(key, told_as, role, contact, wanted, at, due_by, common, context, data))
    return once_each(notices)


def case_roles(kind: NoticeKind, case: Case, agreement: Agreement) -> tuple[str, ...]:
    """The roles that the agreement wants told, each once. Those who hear of a restoration, where the agreement does not
    say, and of the end of a case, are those who were promised its beginning. A customer who was told of no problem is
    not asked whether it is solved: those who were told are. Of a no that came too late to take a case up again the
    provider's own people are told, whoever was promised its beginning. That nothing is measured any more concerns the
    provider: where the agreement does not say, its roles of the others are told, and no customer."""
    promised = agreement.notices
    degradation = promised.degradation.to if promised.degradation else ()
    violation = promised.violation.to if promised.violation else ()
    beginning = degradation if case.kind == "degradation" else violation
    match kind:
        case "no_data" | "resumed":
            own = (role for role in (*degradation, *violation) if not role.startswith(CUSTOMER))
            return _unique(promised.no_data.to if promised.no_data else own)
        case "degradation":
            return _unique(degradation)
        case "violation":
            return _unique(violation)
        case "update":
            return _unique(beginning)
        case "restoration":
            return _unique(promised.restoration.to if promised.restoration else beginning)
        case "question" | "reminder":
            knows = any(role.startswith(CUSTOMER) for role in beginning)
            return _unique(agreement.confirmation.to if knows else beginning)
        case "late_rejection":
            own = (role for role in (*violation, *degradation) if not role.startswith(CUSTOMER))
            return _unique(own) or (ACCOUNT_MANAGER,)
        case "reopened" | "closed" | "withdrawn":
            return _unique(degradation if case.kind == "degradation" else (*violation, *degradation))
    raise ValueError(f"{kind} is not told about a case")


def promised_by(kind: NoticeKind, case: Case, agreement: Agreement, happened_at: int) -> int | None:
    """Until when the agreement wants a degradation, violation, restoration or silence told, the customer asked, or told
    how far it is; None where it does not say."""
    if kind == "question":
        return asked_by(agreement, case)
    if kind == "update":
        return case.told.get("due") or update_by(agreement, int(case.told["since"]))
    promise = {
        "degradation": agreement.notices.degradation,
        "violation": agreement.notices.violation,
        "restoration": agreement.notices.restoration,
        "no_data": agreement.notices.no_data,
    }.get(kind)
    return None if promise is None or promise.within is None else happened_at + promise.within


def asked_at(case: Case, notices: Iterable[Notice]) -> int | None:
    """When the question of a case's last round went out to the first of those whom it is put to; None: not yet."""
    since = case.restored_at
    sent = [n.sent_at for n in notices if n.kind == "question" and n.sent_at is not None]
    return None if since is None else min((at for at in sent if at >= since), default=None)


def maintenance_promised_by(
    kind: NoticeKind, maintenance: Maintenance, agreement: Agreement, window: Window | None = None
) -> int | None:
    """Until when the agreement wants a planned work announced, or a window of it reminded of."""
    promise = agreement.notices.maintenance
    if promise is None or kind not in ("maintenance", "maintenance_changed", "maintenance_reminder"):
        return None
    if kind == "maintenance_reminder":
        start = maintenance.start if window is None else window[0]
        return None if promise.reminder is None else start - promise.reminder
    return promise.terms_for(maintenance.emergency).latest(maintenance.start, agreement.time_zone)


def signing_secret(notice: Notice, customer: Party | None, provider: Party | None) -> str | None:
    """The secret that signs a webhook's notice; None where the address is no longer there. It may be that of another
    role, which stands in for the one that is told."""
    party = customer if notice.role.startswith(CUSTOMER) else provider
    contacts = [c for of_role in (party.contacts.values() if party is not None else ()) for c in of_role]
    addresses = (address for contact in contacts for address in (contact, *contact.fallback))
    return next((a.secret for a in addresses if a.webhook == notice.address), None)


def told(notices: Iterable[Notice]) -> list[Told]:
    """What the announcements of a work have told, for `maintenance.earning`; give those of one agreement. Other
    notices, and those to nobody, are left out."""
    return [_told(n) for n in notices if n.kind in ANNOUNCING and n.payload is not None]


def _told(notice: Notice) -> Told:
    is_off = notice.kind == "maintenance_cancelled"
    said = as_told(notice)
    return Told(
        role=notice.role,
        contact=whom(notice),
        windows=() if is_off else said.windows,
        services=frozenset(said.services),
        sent_at=notice.sent_at if notice.state == "sent" and notice.receipt != "bounced" else None,
        failure=f"it came back: {notice.receipt_detail}" if notice.receipt == "bounced" else notice.reason,
        sequence=said.sequence,
    )


def contacts_at(
    roles: Iterable[str], customer: Party | None, provider: Party | None, at: int
) -> Iterator[tuple[str, int, Contact | None, Contact | None]]:
    """(role, number, who is told at an instant, whom it would be if nobody were away) for each contact of each role;
    both None where a role has no contact."""
    for role in roles:
        party = customer if role.startswith(CUSTOMER) else provider
        contacts = contacts_of(role, customer, provider)
        if not contacts:
            yield role, 0, None, None
        for number, contact in enumerate(contacts):
            assert party is not None, "a contact of nobody"
            yield role, number, standing_in(contact, party.contacts, at, party.time_zone)[-1], contact


def _unique(roles: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(roles))


def reader_of(
    role: str, contact: Contact, agreement: Agreement, customer: Party | None, provider: Party | None
) -> Reader:
    """How a contact of a role reads."""
    party = customer if role.startswith(CUSTOMER) else provider
    zone = party.time_zone if party is not None else agreement.time_zone
    return Reader(contact.language, contact.time_zone or zone)


def _notice(
    key: str,
    kind: NoticeKind,
    role: str,
    contact: Contact,
    wanted: Contact | None,
    at: int,
    due_by: int | None,
    common: Mapping[str, Any],
    context: Mapping[str, Any],
    data: Mapping[str, Any],
) -> Notice:
    named = {"agreement": common["agreement"], "customer": common["customer"]}
    zone, text = context["reader"].zone, render(kind, context)
    return recorded(key, kind, role, contact, wanted, zone, text, at, due_by, common, named, data)


def recorded(
    key: str,
    kind: NoticeKind,
    role: str,
    contact: Contact,
    wanted: Contact | None,
    zone: ZoneInfo,
    text: Text,
    at: int,
    due_by: int | None,
    common: Mapping[str, Any],
    named: Mapping[str, Any],
    data: Mapping[str, Any],
) -> Notice:
    """A notice to be sent to a contact, who lives in `zone`. `wanted` is for whom it stands in, or the contact itself.
    `common` are further fields of it; `named` is whom or what a webhook's body names it by, and `data` the rest of that
    body. What has to wait for the end of quiet hours is promised by then at the earliest."""
    begins = not_before(kind, contact, zone, at, due_by)
    together, begins = in_digest(kind, contact, zone, begins, due_by)
    return written(
        key,
        kind,
        role,
        contact.place,
        text,
        at,
        None if due_by is None else max(due_by, begins),
        named,
        data,
        not_before=begins if begins > at else None,
        instead_of=None if wanted is None or wanted == contact else wanted.place[1],
        together=together,
        **common,
    )


def nobody(key: str, kind: NoticeKind, role: str, at: int, due_by: int | None, common: Mapping[str, Any]) -> Notice:
    """A notice that is stopped because its role has no contact."""
    whose = "the customer" if role.startswith(CUSTOMER) else "the provider"
    return Notice(
        id=key,
        kind=kind,
        role=role,
        channel="none",
        address="",
        subject="",
        text="",
        html="",
        state="stopped",
        recorded_at=at,
        due_by=due_by,
        reason=f"no contact: {whose} has no contact for the role {role}",
        **common,
    )


def once_each(notices: Sequence[Notice]) -> list[Notice]:
    """Stops the second notice to one address: whoever stands under two roles is told once."""
    first: dict[tuple[str, str], Notice] = {}
    kept = []
    for notice in notices:
        earlier = first.setdefault((notice.channel, notice.address), notice)
        if notice.state == "recorded" and earlier is not notice:
            notice = replace(notice, state="stopped", reason=f"duplicate: the same contact is told as {earlier.role}")
        kept.append(notice)
    return kept


def answer_by(kind: NoticeKind, agreement: Agreement, at: int) -> int | None:
    """Until when an answer is waited for: a reminder goes out `remind_after` after its question."""
    terms = agreement.confirmation
    if kind == "question":
        return at + terms.close_after
    return at + terms.close_after - terms.remind_after if kind == "reminder" else None


def _case_data(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "kind": case.kind,
        "state": case.state,
        "objective": case.objective,
        "service": case.service,
        "opened_at": format_instant(case.opened_at),
        "restored_at": _instant(case.restored_at),
        "closed_at": _instant(case.closed_at),
        "outcome": case.outcome,
        "asked": case.asked,
    }


def maintenance_data(maintenance: Maintenance) -> dict[str, Any]:
    """A planned work as a webhook's body has it."""
    return {
        "id": maintenance.id,
        "kind": maintenance.kind,
        "title": maintenance.title,
        "description": maintenance.description,
        "start": format_instant(maintenance.start),
        "end": format_instant(maintenance.end),
        "windows": windows_document(maintenance.spans),
        "state": maintenance.state,
        "sequence": maintenance.sequence,
    }


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
