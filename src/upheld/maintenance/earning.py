"""Whether announcing a planned work met an agreement, so that its windows earn their exclusion. DESIGN rule 13."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from upheld.agreements.intervals import minus, overlap, union
from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import WorkTerms
from upheld.agreements.units import DAY, to_datetime
from upheld.maintenance.model import Announcement, Maintenance, Window
from upheld.maintenance.objection import Consent
from upheld.maintenance.wording import duration_words, instant_words

NAMED_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement to one contact of a role: the windows and the services that it named, and when it was
    delivered (microseconds UTC; None where it was not, for the reason in `failure`). `sequence` is that of the work as
    it was told: a later one takes the place of what was told before. One without windows says that the work is off."""

    role: str
    contact: str
    windows: tuple[Window, ...]
    services: frozenset[str]
    sent_at: int | None
    failure: str | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a window, and since when it has been told (None: it is not, for the reason in `failure`).
    `consent`: by which the customer itself has asked for it, where it was told too late otherwise."""

    start: int
    end: int
    since: int | None
    failure: str = ""
    consent: Consent | None = None


def earned(
    maintenance: Maintenance,
    agreement: Agreement,
    services_hit: Sequence[str],
    contacts: Mapping[str, Sequence[str]],
    told: Sequence[Told],
    now: int,
    taken: Sequence[int] = (),
    consents: Sequence[Consent] = (),
) -> Announcement:
    """For which of its services, and which parts of its windows, `agreement` lets the work count as planned
    maintenance, and why. `contacts` holds the addresses that each role has now; `taken` are the starts of the windows
    that other works have earned under it, on the same terms; `consents` what the customer itself asked for, and was
    agreed with.

    A part is earned for a service where the agreement promises a lead time, and every contact of every role that it
    names had been told of it for this service, the last of them at least the lead time before the part begins, and was
    not told otherwise since. So a work that is extended late keeps what it had announced in time, and the rest counts;
    and one that is moved earns by the new announcement, or by the old one where the two windows overlap. Only a
    delivery counts: an announcement that was recorded, stopped or failed has told nobody.

    A part that the customer asked for needs no lead time, unless the agreement says otherwise (`by_agreement`): it has
    to be told to every contact before it begins. Its word holds as long as the work was not told otherwise since.

    An agreement without `notices.maintenance` earns nothing: rule 13 excludes a window where that customer's notice met
    the agreement, and without terms there is nothing that a notice could meet. Where such an agreement lets planned
    work count nevertheless, someone grants an exclusion by hand and answers for it by name."""
    promise = agreement.notices.maintenance
    terms = None if promise is None else promise.terms_for(maintenance.emergency)
    allowed = _within_quota(maintenance, terms, agreement.time_zone, taken)
    judged = {
        s: _judged(maintenance, terms, agreement.time_zone, s, contacts, told, allowed, consents) for s in services_hit
    }
    parts = tuple((service, *window) for service, (windows, _, _) in judged.items() for window in windows)
    whole = all(windows == union(maintenance.spans) for windows, _, _ in judged.values())
    reason = _together({service: reason for service, (_, reason, _) in judged.items()})
    agreed = dict.fromkeys((*window, _word(consent)) for *_, some in judged.values() for window, consent in some)
    return Announcement(
        maintenance.id,
        agreement.id,
        agreement.customer,
        whole,
        reason,
        now,
        tuple(dict.fromkeys(service for service, *_ in parts)),
        parts,
        by_agreement=tuple(sorted(agreed)),
    )


def _judged(
    maintenance: Maintenance,
    promise: WorkTerms | None,
    zone: ZoneInfo,
    service: str,
    contacts: Mapping[str, Sequence[str]],
    told: Sequence[Told],
    allowed: Sequence[Window],
    consents: Sequence[Consent],
) -> tuple[tuple[Window, ...], str, Sequence[tuple[Window, Consent]]]:
    """What is earned for a service, and why; and what of it by which consent."""
    if maintenance.state == "cancelled":
        return (), "the work was cancelled", ()
    if not maintenance.interrupts:
        return (), "an end of service excludes nothing", ()
    if promise is None:
        return (), "the agreement has no terms for announcing planned maintenance (notices.maintenance)", ()
    if not promise.to:
        return (), "the agreement names nobody to announce planned maintenance to", ()
    parts = [_Part(start, end, 0) for start, end in union(maintenance.spans)]
    for role in promise.to:
        if not contacts.get(role):
            return (), f"{role} was not told: nobody is known under it", ()
        for contact in contacts[role]:
            since = _told_since(service, [t for t in told if t.contact == contact])
            not_told = f"{role} was not told: {_why_not(role, contact, service, told)}"
            parts = [one for part in parts for one in _cut(part, since, not_told)]
    in_time: list[_Part] = []
    late: list[_Part] = []
    for part in _alike_together(parts):
        is_late = part.since is None or part.since > promise.latest(part.start, zone)
        (late if is_late else in_time).append(part)
    for consent in consents if promise.by_agreement else ():
        late = [one for part in late for one in _consented(part, consent, service, told)]
    by_consent = [part for part in late if part.consent is not None]
    won = overlap(union((p.start, p.end) for p in (*in_time, *by_consent)), allowed)
    agreed = [(window, p.consent) for p in by_consent for window in overlap([(p.start, p.end)], won) if p.consent]
    parts = sorted((*in_time, *late), key=lambda part: part.start)
    reasons = [_reason(part, promise, allowed) for part in parts]
    if len(set(reasons)) == 1:
        return won, reasons[0], agreed
    spans = (f"{instant_words(part.start)} to {instant_words(part.end)}" for part in parts)
    together = "; ".join(f"from {span}: {reason}" for span, reason in zip(spans, reasons, strict=True))
    return won, together, agreed


def _consented(part: _Part, consent: Consent, service: str, told: Sequence[Told]) -> Iterator[_Part]:
    """A part that was told too late, cut to what a customer asked for itself: if it was told before it begins, and not
    told otherwise since."""
    span = [(part.start, part.end)]
    covered = () if part.consent is not None else overlap(span, consent.windows)
    later = [t for t in told if t.sent_at is not None and t.sequence > consent.sequence and service in t.services]
    for start, end in covered:
        is_told = part.since is not None and part.since <= start
        stands = is_told and not any(minus([(start, end)], one.windows) for one in later)
        yield replace(part, start=start, end=end, consent=consent if stands else None)
    for start, end in minus(span, covered):
        yield replace(part, start=start, end=end)


def _word(consent: Consent) -> str:
    return f"{consent.contact} ({consent.role}), who asked for it {instant_words(consent.asked_at)}"


def _told_since(service: str, told: Sequence[Told]) -> list[_Part]:
    """When a contact expects work on a service, and since when without a break: word of a later planning takes the
    place of what it does not repeat, and words of one planning add to each other."""
    known: list[_Part] = []
    sent = [(one.sequence, one.sent_at, one) for one in told if one.sent_at is not None]
    last = None
    for sequence, at, one in sorted(sent, key=lambda row: row[:2]):
        windows = one.windows if service in one.services else ()
        before = [(p.start, p.end) for p in known]
        kept = [
            _Part(start, end, min(p.since, at))
            for p in known
            for start, end in overlap([(p.start, p.end)], windows)
            if p.since is not None
        ]
        others: list[_Part] = known if sequence == last else []
        rest = [_Part(*window, p.since) for p in others for window in minus([(p.start, p.end)], windows)]
        new = [_Part(start, end, at) for start, end in minus(windows, before)]
        known, last = [*kept, *rest, *new], sequence
    return known


def _cut(part: _Part, known: Sequence[_Part], not_told: str) -> Iterator[_Part]:
    """A part, cut to where a further contact knows of it since the same instant; the last contact decides."""
    if part.since is None:
        yield part
        return
    span = [(part.start, part.end)]
    for one in known:
        for start, end in overlap(span, [(one.start, one.end)]):
            yield _Part(start, end, max(part.since, one.since or 0))
    for start, end in minus(span, [(one.start, one.end) for one in known]):
        yield _Part(start, end, None, not_told)


def _alike_together(parts: Sequence[_Part]) -> Iterator[_Part]:
    """In order, and neighbours that were told at the same instant as one."""
    held: _Part | None = None
    for part in sorted(parts, key=lambda p: p.start):
        if held is not None and (held.end, held.since, held.failure) == (part.start, part.since, part.failure):
            held = _Part(held.start, part.end, part.since, part.failure)
            continue
        if held is not None:
            yield held
        held = part
    if held is not None:
        yield held


def _within_quota(
    maintenance: Maintenance, terms: WorkTerms | None, zone: ZoneInfo, taken: Sequence[int]
) -> tuple[Window, ...]:
    """The windows that a quota per month leaves room for, the first ones first."""
    windows = union(maintenance.spans)
    if terms is None or terms.per_month is None:
        return windows
    used = Counter(_month(start, zone) for start in taken)
    allowed = []
    for start, end in windows:
        used[_month(start, zone)] += 1
        if used[_month(start, zone)] <= terms.per_month:
            allowed.append((start, end))
    return tuple(allowed)


def _month(instant: int, zone: ZoneInfo) -> tuple[int, int]:
    local = to_datetime(instant).astimezone(zone)
    return local.year, local.month


def _reason(part: _Part, promise: WorkTerms, allowed: Sequence[Window]) -> str:
    if part.since is None:
        return part.failure
    if not overlap([(part.start, part.end)], allowed):
        windows = "window" if promise.per_month == 1 else "windows"
        return f"the agreement allows {promise.per_month} {windows} a month, and others have taken them"
    lead = part.start - part.since
    distance = duration_words(abs(lead)) + (" before the start" if lead >= 0 else " after the start")
    said = f"announced {instant_words(part.since)}, {distance}; the agreement wants {_lead(promise)}"
    if part.consent is None:
        return said
    by = f", and {part.consent.agreed_by} agreed" if part.consent.agreed_by else ", and it was agreed"
    return f"by agreement with {_word(part.consent)}{by} {instant_words(part.consent.agreed_at)}; {said}"


def _lead(promise: WorkTerms) -> str:
    if promise.working_days is None:
        return duration_words(promise.lead_time)
    days = promise.lead_time // DAY
    return f"{days} working day{'' if days == 1 else 's'}"


def _why_not(role: str, contact: str, service: str, told: Sequence[Told]) -> str:
    """A contact that stands under two roles is told once for both: what happened is written under one of them."""
    to_contact = [t for t in told if t.contact == contact and service in t.services]
    newest = max((t.sequence for t in to_contact), default=0)
    if any(t.sent_at is not None for t in to_contact if t.sequence == newest):
        return "there is no announcement of this window"
    if to_contact := [t for t in to_contact if t.sequence == newest]:
        of_role = [t for t in to_contact if t.role == role] or to_contact
        return next((t.failure for t in of_role if t.failure is not None), "the announcement is not sent yet")
    if any(t.contact == contact for t in told):
        return "the announcement did not name this service"
    if any(t.role == role for t in told):
        return "the contact has changed since the announcement"
    return "there is no announcement of this window"


def _together(reasons: Mapping[str, str]) -> str:
    """One sentence for all services, or one for each group that shares a reason."""
    groups: dict[str, list[str]] = {}
    for service, reason in reasons.items():
        groups.setdefault(reason, []).append(service)
    if len(groups) == 1:
        return next(iter(groups))
    return ". ".join(f"{_names(services)}: {reason}" for reason, services in groups.items())


def _names(services: Sequence[str]) -> str:
    more = len(services) - NAMED_AT_MOST
    return ", ".join(services[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
