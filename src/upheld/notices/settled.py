"""What is told of settled verdicts: that a credit is due or can be claimed, and corrections of what had been told.
Pure.

Each contact gets one notice of all the credits, and one of all the corrections, that concern it: ten thousand verdicts
that become final together are not ten thousand mails.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from upheld.agreements.contacts import Contact
from upheld.agreements.model import Agreement
from upheld.agreements.parties import CUSTOMER, Party
from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Verdict, to_document
from upheld.assessment.versions import Cause
from upheld.notices.conclusions import Conclusion, Key, Word, key_of, last_sent
from upheld.notices.facts import branded, role_words, verdict_facts
from upheld.notices.formats import Reader, one_line
from upheld.notices.gathering import CASES_LISTED
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import recorded
from upheld.notices.texts import render

What = Literal["due", "claim", "claimed", "changed", "withdrawn"]
"""Of a credit: it is paid without more ado; it must be claimed; it was claimed and is paid; it is due, and not as it
stood when it was last told; there is none, where one had stood."""


@dataclass(frozen=True, slots=True)
class About:
    """A verdict that is told of: as it is, the agreement that it is under (None: in force no more), and its case."""

    verdict: Verdict
    agreement: Agreement | None
    case_id: str | None
    problem_id: str | None


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit to be told to a contact: `before` is what it had been told of it while the period went on. `link` is
    where it claims the credit, `due_by` until when it was promised to be told."""

    about: About
    what: What
    before: Word | None = None
    link: str | None = None
    due_by: int | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """What a contact was told (`word`), and why that does not hold any more. `roles` are all of the party to whom that
    was said."""

    about: About
    word: Word
    causes: Sequence[Cause]
    approver: str | None
    roles: Sequence[str]


@dataclass(frozen=True, slots=True)
class Addressee:
    """A contact of a party, as the `number`th of a role; or who stands in for `wanted`."""

    contact: Contact
    role: str
    number: int
    wanted: Contact | None = None


def what_of(verdict: Verdict, claimed: bool, before: Word | None) -> What | None:
    """What there is to tell of a final verdict's credit to a contact that was told `before` how it stood; None where
    there is nothing."""
    stood = None if before is None or before.told.credit is None else Decimal(before.told.credit["amount"])
    if verdict.credit is None:
        return "withdrawn" if stood is not None else None
    if verdict.claim_by is not None:
        return "claimed" if claimed else "claim"
    return "changed" if stood is not None and stood != verdict.credit.amount else "due"


def plan_credits(
    credits: Sequence[Credit], to: Addressee, party: Party, provider: Party | None, party_id: str, at: int
) -> Notice:
    """One notice of the credits to a contact of a party; `party_id` is a customer, or "" for the provider's own."""
    reader = Reader(to.contact.language, to.contact.time_zone or party.time_zone)
    rows = [_credit_row(one, reader) for one in credits]
    context = _context([one.about for one in credits], rows, to, party, provider, reader)
    context["totals"] = {what: _sum(rows, what) for what in ("due", "claim")}
    data = {
        "link": credits[0].link if len(credits) == 1 else None,
        "credits": [_credit_data(one) for one in credits],
    }
    due_by = min((one.due_by for one in credits if one.due_by is not None), default=None)
    return _planned("credit", [one.about for one in credits], context, data, to, party_id, at, due_by)


def plan_corrections(
    corrections: Sequence[Correction], to: Addressee, party: Party, provider: Party | None, party_id: str, at: int
) -> Notice:
    """One notice of the corrections to a contact of a party, as `plan_credits`."""
    reader = Reader(to.contact.language, to.contact.time_zone or party.time_zone)
    rows = [_correction_row(one, reader) for one in corrections]
    abouts = [one.about for one in corrections]
    context = _context(abouts, rows, to, party, provider, reader)
    data = {"corrections": [_correction_data(one) for one in corrections]}
    return _planned("restatement", abouts, context, data, to, party_id, at, None)


def stopped(notice: Notice, reason: str) -> Notice:
    """The notice as one that is not sent, and why."""
    return replace(notice, state="stopped", reason=reason)


def reference(abouts: Sequence[About], party_id: str, at: int) -> str:
    """What a notice of several verdicts goes by: their case or problem, where they have the same."""
    for name in ("case_id", "problem_id"):
        shared = {getattr(about, name) for about in abouts}
        if len(shared) == 1 and None not in shared:
            return str(shared.pop())
    keys = "\n".join(str(about.verdict.key) for about in abouts)
    return "N-" + hashlib.sha256(f"{party_id}\n{at}\n{keys}".encode()).hexdigest()[:10].upper()


def _planned(
    kind: NoticeKind,
    abouts: Sequence[About],
    context: dict[str, Any],
    data: Mapping[str, Any],
    to: Addressee,
    party_id: str,
    at: int,
    due_by: int | None,
) -> Notice:
    name = reference(abouts, party_id, at)
    key = f"{name}/{kind}-{at}/{party_id or 'provider'}/{to.role}/{to.number}"
    cases = {about.case_id for about in abouts}
    problems = {about.problem_id for about in abouts}
    agreements = {about.verdict.agreement for about in abouts}
    common = {
        "customer": party_id or None,
        "agreement": agreements.pop() if len(agreements) == 1 else None,
        "case_id": cases.pop() if len(cases) == 1 else None,
        "problem_id": problems.pop() if len(problems) == 1 else None,
        "cases": tuple(dict.fromkeys(about.case_id for about in abouts if about.case_id is not None)),
    }
    text = render(kind, {**context, "reference": name})
    named, zone = {"reference": name}, context["reader"].zone
    return recorded(key, kind, to.role, to.contact, to.wanted, zone, text, at, due_by, common, named, data)


def _context(
    abouts: Sequence[About],
    rows: Sequence[Mapping[str, Any]],
    to: Addressee,
    party: Party,
    provider: Party | None,
    reader: Reader,
) -> dict[str, Any]:
    to_customer = to.role.startswith(CUSTOMER)
    return {
        "reader": reader,
        "role": role_words(to.role),
        "provider": one_line(provider.name) if provider else None,
        "brand": branded(provider, reader),
        "to_customer": to_customer,
        "customer": one_line(party.name) if to_customer else None,
        "customers": len({about.verdict.customer for about in abouts}),
        "services": len({about.verdict.service for about in abouts}),
        "count": len(rows),
        "rows": rows[:CASES_LISTED],
        "only": rows[0] if len(rows) == 1 else None,
    }


def _credit_row(one: Credit, reader: Reader) -> dict[str, Any]:
    before = one.before
    return {
        **verdict_facts(to_document(one.about.verdict), one.about.agreement, reader),
        "what": one.what,
        "before": None if before is None else _money(before.told.credit),
        "before_at": None if before is None else before.notice.sent_at,
        "link": one.link,
    }


def _correction_row(one: Correction, reader: Reader) -> dict[str, Any]:
    now, told = to_document(one.about.verdict), one.word.told
    then = {**now, "budget": None, **_told_data(told)}
    return {
        **verdict_facts(now, one.about.agreement, reader),
        "then": verdict_facts(then, one.about.agreement, reader),
        "final": one.about.verdict.final,
        "told_final": told.final,
        "told_at": one.word.notice.sent_at,
        "told_to": [role_words(role) for role in one.roles],
        "causes": [{"kind": cause.kind, "reason": one_line(cause.reason)} for cause in one.causes],
        "approver": None if one.approver is None else one_line(one.approver),
        "credit_before": _money(told.credit),
    }


def _sum(rows: Sequence[Mapping[str, Any]], what: str) -> list[tuple[Decimal, str]]:
    """What is paid (`due`, however it came to be), or must be claimed, summed for each currency."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row["credit"] is not None and (row["what"] == "claim") == (what == "claim"):
            amount, currency = row["credit"]
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return [(amount, currency) for currency, amount in sorted(sums.items())]


def _money(credit: Mapping[str, str] | None) -> tuple[Decimal, str] | None:
    return None if credit is None else (Decimal(credit["amount"]), credit["currency"])


_NAMES = ("agreement", "objective", "service", "customer", "period_start", "period_end")
_FIGURES = ("version", "final", "status", "attained", "credit", "claim_by")


def _verdict_data(about: About) -> dict[str, Any]:
    document = to_document(about.verdict)
    return {name: document[name] for name in (*_NAMES, *_FIGURES)} | {"case": about.case_id}


def _credit_data(one: Credit) -> dict[str, Any]:
    stood = None if one.before is None else one.before.told.credit
    return _verdict_data(one.about) | {"what": one.what, "before": stood, "link": one.link}


def _correction_data(one: Correction) -> dict[str, Any]:
    sent = one.word.notice.sent_at
    return _verdict_data(one.about) | {
        "told": {
            **_told_data(one.word.told),
            "at": None if sent is None else format_instant(sent),
            "notice": one.word.notice.id,
            "to": list(one.roles),
        },
        "causes": [{"kind": cause.kind, "reason": cause.reason} for cause in one.causes],
        "approver": one.approver,
    }


def _told_data(told: Conclusion) -> dict[str, Any]:
    return {name: getattr(told, name) for name in _FIGURES}


def says_claimed(notice: Notice, key: Key) -> bool:
    """Whether the notice tells that the credit of a verdict was claimed."""
    listed = (notice.payload or {}).get("data", {}).get("credits", ())
    return any(one["what"] == "claimed" and key_of(one) == key for one in listed)


def stood_before(words: Sequence[Word]) -> Word | None:
    """What was last said to a contact of how a credit stands, while its period went on; None where none stood."""
    word = last_sent([word for word in words if not word.told.final])
    return None if word is None or word.told.credit is None else word
