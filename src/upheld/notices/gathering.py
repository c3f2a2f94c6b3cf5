"""What is told of the cases of one problem: owed case by case, gathered for a moment, and told each contact once. Pure.

Four hundred services behind one switch are four hundred cases, each with its own verdict and promise to tell; whoever
has twenty of them reads one notice that lists them. Where only one case is to be told of, it is told as any other.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from upheld.agreements.contacts import Contact
from upheld.agreements.model import Agreement
from upheld.agreements.parties import CUSTOMER, Party
from upheld.agreements.units import SECOND
from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.notices.facts import problem_context
from upheld.notices.formats import Reader, lines
from upheld.notices.model import Notice, NoticeKind, Owed
from upheld.notices.planning import answer_by, case_roles, contacts_at, recorded
from upheld.notices.texts import render_gathered

GATHER = 10 * SECOND
"""For how long what is owed is gathered before it is told."""
CASES_LISTED = 50
"""Cases that a notice lists at most; it says how many there are."""

_OF_VERDICT = ("period_start", "version", "final", "attained", "credit", "claim_by")

ProblemLink = Callable[[Owed, str], str]
"""(one of the rows, contact) -> the signed link on which that contact answers for all cases of the notice."""


def owed_of(
    kind: NoticeKind, case: Case, agreement: Agreement, seq: int, at: int, due_by: int | None, arrived: int | None
) -> list[Owed]:
    """What an event of a case of a problem asks to be told: a row for the customer's roles, one for the provider's."""
    assert case.problem is not None, "a case of no problem is told by itself"
    roles = case_roles(kind, case, agreement)
    facts = {
        "service": case.service,
        "objective": case.objective,
        "status": case.verdict["status"],
        **{name: case.verdict[name] for name in _OF_VERDICT},
        "asked": case.asked,
        "answer_by": answer_by(kind, agreement, at),
        **({"update": lines(str(case.told.get("text") or ""))} if kind == "update" else {}),
    }
    found = []
    for party in (case.customer, ""):
        theirs = tuple(role for role in roles if role.startswith(CUSTOMER) == bool(party))
        if theirs:
            names = case.problem, case.id, seq, kind, party, case.customer, case.agreement
            found.append(Owed(*names, theirs, at, due_by, facts, arrived))
    return found


def gathered_notices(
    problem: Problem,
    rows: Sequence[Owed],
    customers: Mapping[str, Party],
    provider: Party | None,
    at: int,
    link: ProblemLink,
    seq: int = 0,
) -> list[Notice]:
    """The notices of several rows of one kind, and of the same words, that are owed to one party: one for each of its
    contacts, of all that it is to be told. `seq`: see `Notice`."""
    kind, party, words = rows[0].kind, rows[0].party, rows[0].words
    assert all((row.kind, row.party, row.words) == (kind, party, words) for row in rows), "rows of another notice"
    occasion = f"{kind}-{at}-{sha256(words.encode()).hexdigest()[:8]}" if words else f"{kind}-{at}"
    notices = []
    for (contact, wanted), role, number, theirs in _by_contact(rows, customers, provider, at):
        reader_of = customers.get(party) if party else provider
        url = link(theirs[0], f"{role}/{number}") if kind in ("question", "reminder") else None
        assert reader_of is not None, "a contact of nobody"
        reader = Reader(contact.language, contact.time_zone or reader_of.time_zone)
        context = problem_context(problem, theirs, customers, provider, role, reader, url)
        text = render_gathered(kind, {**context, "listed": theirs[:CASES_LISTED]})
        key = f"{problem.id}/{occasion}/{party or 'provider'}/{role}/{number}"
        due_by = min((row.due_by for row in theirs if row.due_by is not None), default=None)
        common = {
            "customer": party or None,
            "problem_id": problem.id,
            "cases": tuple(row.case_id for row in theirs),
            "seq": seq,
        }
        data = {"link": url, "cases": [_case_data(row) for row in theirs]}
        named = {"problem": problem.id}
        notices.append(recorded(key, kind, role, contact, wanted, reader.zone, text, at, due_by, common, named, data))
    return notices


def nobody_told(rows: Sequence[Owed], notices: Sequence[Notice]) -> list[Owed]:
    """The rows that none of the notices tells: whoever they are owed to has no contact for the role."""
    told = {case for notice in notices for case in notice.cases}
    return [row for row in rows if row.case_id not in told]


def _by_contact(
    rows: Sequence[Owed], customers: Mapping[str, Party], provider: Party | None, at: int
) -> list[tuple[tuple[Contact, Contact | None], str, int, list[Owed]]]:
    """Each contact, with whom it stands in for, under the first role that it is found by, with what it is to be told;
    each case once."""
    found: dict[tuple[str, str], tuple[tuple[Contact, Contact | None], str, int, dict[str, Owed]]] = {}
    for row in rows:
        for role, number, contact, wanted in contacts_at(row.roles, customers.get(row.customer), provider, at):
            if contact is not None:
                _, _, _, theirs = found.setdefault(contact.place, ((contact, wanted), role, number, {}))
                theirs[row.case_id] = row
    return [(told, role, number, list(theirs.values())) for told, role, number, theirs in found.values()]


def _case_data(row: Owed) -> dict[str, Any]:
    facts = {name: row.facts[name] for name in ("service", "objective", "status", *_OF_VERDICT)}
    return {"id": row.case_id, "customer": row.customer, "agreement": row.agreement} | facts
