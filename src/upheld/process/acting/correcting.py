"""What verdicts have come to, told to those whom that concerns: credits by the agreement's terms, and corrections to
whoever was told what does not hold any more. Gathered for a moment, so that what becomes final, or is restated,
together is told together. DESIGN rule 9.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from upheld.agreements.contacts import Address as Place
from upheld.agreements.contacts import Contact
from upheld.agreements.parties import CUSTOMER
from upheld.agreements.units import MINUTE, format_instant
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Cause, Version, causes
from upheld.cases.model import Case
from upheld.notices.conclusions import Conclusion, Key, Word, arrived, of_verdict, said, standing
from upheld.notices.fallback import ELSEWHERE
from upheld.notices.model import Notice, VerdictNews
from upheld.notices.planning import contacts_at, nobody
from upheld.notices.settled import (
    About,
    Addressee,
    Correction,
    Credit,
    plan_corrections,
    plan_credits,
    reference,
    says_claimed,
    stood_before,
    stopped,
    what_of,
)
from upheld.notices.summary import version_told
from upheld.ports import Transaction
from upheld.process.assessing.in_force import InForce
from upheld.process.telling.reactions import outbox_entry

QUIET, LONGEST = 2 * MINUTE, 15 * MINUTE
"""What a party may have to be told is gathered until nothing was added for so long, and no longer than that."""
AGAIN = 10 * MINUTE
"""After so long it is looked again whether what was on its way, and does not hold any more, was sent."""
ROWS = 2_000
"""News that is looked at in one transaction."""

Address = tuple[str, str]
ClaimLink = Callable[[Key, str], str]
"""(a verdict's key, contact) -> the signed link on which that contact claims what it earns."""


def news(before: Verdict | None, after: Verdict, at: int) -> list[VerdictNews]:
    """What has to be looked at where `after` takes the place of `before`, as of `at`: a credit that has become final,
    and figures that were told, perhaps, and are restated. Most often nothing."""
    stood = before is not None and before.credit is not None
    if before is not None and before.version != after.version:
        if not (before.final or before.status == "violated" or stood):
            return []
        return _for_both(after, "restated", at)
    if after.final and (before is None or not before.final) and (stood or after.credit is not None):
        return _for_both(after, "final", at)
    return []


def news_of_claim(verdict: Verdict, at: int) -> list[VerdictNews]:
    """That a final verdict's credit was claimed. One that is not final is told of once it is."""
    return _for_both(verdict, "claim", at) if verdict.final and verdict.credit is not None else []


def _for_both(verdict: Verdict, occasion: str, at: int) -> list[VerdictNews]:
    return [
        VerdictNews(*verdict.key, verdict.version, occasion, party, verdict.customer, at, at)  # type: ignore[arg-type]
        for party in (verdict.customer, "")
    ]


def tell(t: Transaction, current: InForce | None, now: int, claim_link: ClaimLink) -> int:
    """Looks at what was gathered long enough, and tells what there is to tell; of how many rows."""
    rows = t.take_news(now, QUIET, LONGEST, ROWS)
    if current is None:
        return len(rows)
    verdicts = t.newest([row.key for row in rows])
    for party, theirs in groupby(rows, lambda row: row.party):
        telling = _Telling(t, current, now, claim_link, party)
        for row in theirs:
            if (verdict := verdicts.get(row.key)) is not None:
                telling.look(row, verdict)
        telling.end()
    return len(rows)


class _Telling:
    """What one party is told in one go: gathered by `look` for each of its contacts, recorded by `end`."""

    def __init__(self, t: Transaction, current: InForce, now: int, claim_link: ClaimLink, party: str) -> None:
        self._t, self._current, self._now, self._claim_link, self._party = t, current, now, claim_link, party
        self._provider = current.portfolio.provider
        self._reader = current.customers.get(party) if party else self._provider
        self._corrections: dict[Address, list[Correction]] = defaultdict(list)
        self._credits: dict[Address, list[Credit]] = defaultdict(list)
        self._covered: dict[Address, list[Credit]] = defaultdict(list)
        self._untold: dict[str, list[Credit]] = defaultdict(list)
        self._roles: dict[Address, Addressee] = {}
        self._rows: dict[tuple[Key, int, str], VerdictNews] = {}
        self._of_problems: dict[str, list[tuple[Notice, Mapping[Key, Conclusion]]]] = {}

    # -- what there is to tell ------------------------------------------------------------------------------------

    def look(self, row: VerdictNews, verdict: Verdict) -> None:
        """Finds out whom of the party that concerns."""
        cases = self._cases(verdict)
        parties = self._current.parties(verdict.agreement, self._now)
        case = cases[0] if cases else None
        about = About(
            verdict,
            None if parties is None else parties.agreement,
            None if case is None else case.id,
            None if case is None else case.problem,
        )
        self._rows[(row.key, row.version, row.occasion)] = row
        if any(case.problem is not None and self._t.is_owed(case.problem) for case in cases):
            return self._look_again(row)  # notices that tell of it are about to be recorded
        versions = self._t.verdict_versions(verdict.key) if verdict.version > 1 else ()
        words = self._words(about, cases, versions)
        waits = self._correct(about, words, versions)
        if verdict.final and about.agreement is not None:
            waits |= self._credit(about, row, words)
        return self._look_again(row) if waits else None

    def _look_again(self, row: VerdictNews) -> None:
        self._rows[(row.key, row.version, row.occasion)] = replace(row, told=None, not_before=self._now + AGAIN)

    def _cases(self, verdict: Verdict) -> list[Case]:
        """The cases that have dealt with the verdict's period, newest first."""
        period = format_instant(verdict.period_start)
        return [case for case in self._t.cases_of(*verdict.key[:3]) if period in case.periods]

    def _words(self, about: About, cases: Sequence[Case], versions: Sequence[Version]) -> dict[Address, list[Word]]:
        """What the contacts of the party were told of the verdict, or are about to be, oldest first."""
        key, found = about.verdict.key, list[Word]()
        for case in cases:
            found += _saying(key, ((notice, said(notice)) for notice in self._t.told_of_case(case.id)))
            if case.problem is not None:
                found += _saying(key, self._told_of_problem(case.problem))
        if about.verdict.version > 1 or about.verdict.claim_by is not None:
            earlier = (name for one in self._t.news_of(key, self._party) for name in one.notices)
            found += _saying(key, ((notice, said(notice)) for name in earlier for notice in self._sent_as(name)))
        if about.verdict.version > 1:
            found += self._summed_up(about, versions)
        words: dict[Address, list[Word]] = defaultdict(list)
        once = {word.notice.id: word for word in found if self._is_of_party(word.notice.role)}
        for word in sorted(once.values(), key=lambda word: (word.notice.recorded_at, word.notice.id)):
            words[(word.notice.channel, word.notice.address)].append(replace(word, notice=self._as_told(word.notice)))
        return words

    def _as_told(self, notice: Notice) -> Notice:
        """The notice; where a digest tells it with others, in the state of that."""
        if notice.state != "stopped" or notice.together is None:
            return notice
        digest = self._t.notice(notice.together)
        if digest is None or notice.id not in (digest.payload or {})["data"]["notices"]:
            return notice
        return replace(notice, state=digest.state, sent_at=digest.sent_at, receipt=digest.receipt)

    def _sent_as(self, name: str) -> list[Notice]:
        """A notice, and those that went to further addresses in its place."""
        found, number = list[Notice](), 0
        while (notice := self._t.notice(f"{name}{ELSEWHERE}{number}" if number else name)) is not None:
            found.append(notice)
            number += 1
        return found

    def _told_of_problem(self, problem: str) -> Sequence[tuple[Notice, Mapping[Key, Conclusion]]]:
        if problem not in self._of_problems:
            told = self._t.told_of_problem(problem, self._party)
            self._of_problems[problem] = [(notice, said(notice)) for notice in told]
        return self._of_problems[problem]

    def _summed_up(self, about: About, versions: Sequence[Version]) -> list[Word]:
        """What summaries have said of the verdict."""
        of_version, found = {one.verdict.version: one.verdict for one in versions}, list[Word]()
        for notice in self._t.summaries_told(about.verdict.agreement, about.verdict.period_end):
            summary = (notice.payload or {}).get("data", {}).get("summary")
            told = None if summary is None else version_told(summary, about.verdict.key, about.verdict.period_end)
            if told in of_version:
                found.append(Word(notice, of_verdict(of_version[told])))
        return found

    def _is_of_party(self, role: str) -> bool:
        return role.startswith(CUSTOMER) == bool(self._party)

    def _correct(self, about: About, words: Mapping[Address, list[Word]], versions: Sequence[Version]) -> bool:
        """Gathers the corrections of a verdict; whether something that does not hold is on its way."""
        now = of_verdict(about.verdict)
        stand = {address: standing(theirs, now) for address, theirs in words.items()}
        wrong = [address for address, how in stand.items() if how == "outdated"]
        last = {address: [w for w in words[address] if arrived(w.notice)][-1] for address in wrong}
        roles = tuple(dict.fromkeys(word.notice.role for word in last.values()))
        for address, word in last.items():
            known = [v for v in versions if v.verdict.version == word.told.version]
            later = [v for v in versions if v.verdict.version > word.told.version]
            found = _causes(about, known[-1].verdict) if known else (Cause("corrected"),)
            approvers = dict.fromkeys(v.approver for v in later if v.approver is not None)
            self._corrections[address].append(Correction(about, word, found, ", ".join(approvers) or None, roles))
        return "waits" in stand.values()

    def _credit(self, about: About, row: VerdictNews, words: Mapping[Address, list[Word]]) -> bool:
        """Gathers what the agreement wants told of the verdict's credit; whether it has to be waited for what is on its
        way."""
        verdict, agreement = about.verdict, about.agreement
        assert agreement is not None, "the credit of an agreement that is there"
        terms, waits = agreement.notices.credit, False
        if terms is None:
            return False
        claimed = verdict.claim_by is not None and self._t.claim_of(verdict.key) is not None
        due_by = None if terms.within is None else row.at + terms.within
        customer = self._current.customers.get(agreement.customer)
        roles = filter(self._is_of_party, terms.to)
        for role, number, contact, wanted in contacts_at(roles, customer, self._provider, self._now):
            theirs = [] if contact is None else words.get(contact.place, [])
            before = stood_before(theirs)
            what = what_of(verdict, claimed, before)
            if what is None or (contact is not None and self._tells(contact.place, about)):
                continue
            if contact is None:
                self._untold[role].append(Credit(about, what, due_by=due_by))
                continue
            link = self._claim_link(verdict.key, f"{role}/{number}") if what == "claim" and self._party else None
            credit = Credit(about, what, before, link, due_by)
            self._roles.setdefault(contact.place, Addressee(contact, role, number, wanted))
            how = _heard(theirs, about, row)
            waits |= how == "waits"
            if any(one.about is about for one in self._corrections.get(contact.place, ())):
                self._covered[contact.place].append(credit)
            elif how == "unheard":
                self._credits[contact.place].append(credit)
        return waits

    def _tells(self, address: Address, about: About) -> bool:
        """Whether the contact is told of that credit already, under another role."""
        told = (*self._credits.get(address, ()), *self._covered.get(address, ()))
        return any(one.about is about for one in told)

    # -- telling it -----------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Records the notices, and which news they tell of."""
        notices: list[tuple[Notice, Iterable[About]]] = []
        for address, found in self._corrections.items():
            notices.append((self._correction(address, found), [one.about for one in found]))
        for address, credits in self._credits.items():
            notices.append((self._planned(address, credits), [one.about for one in credits]))
        for address, credits in self._covered.items():
            told = stopped(self._planned(address, credits), "duplicate: the correction to the same contact tells it")
            notices.append((replace(told, id=f"{told.id}/covered"), ()))
        for role, credits in self._untold.items():
            abouts = [one.about for one in credits]
            key = f"{reference(abouts, self._party, self._now)}/credit-{self._now}/{self._party or 'provider'}/{role}/0"
            common = {"customer": self._party or None, "case_id": abouts[0].case_id if len(abouts) == 1 else None}
            notices.append((nobody(key, "credit", role, self._now, credits[0].due_by, common), ()))
        telling: dict[Key, list[str]] = defaultdict(list)
        for notice, told_of in notices:
            self._t.save_notice(notice)
            if notice.state == "recorded":
                self._t.schedule(outbox_entry(notice))
            for about in told_of:
                telling[about.verdict.key].append(notice.id)
        for row in self._rows.values():
            ids = tuple(telling.get(row.key, ()))
            if ids or row.told is None:
                self._t.save_news(replace(row, notices=(*row.notices, *ids)))

    def _planned(self, address: Address, credits: Sequence[Credit]) -> Notice:
        assert self._reader is not None, "a contact of nobody"
        return plan_credits(credits, self._roles[address], self._reader, self._provider, self._party, self._now)

    def _correction(self, address: Address, found: Sequence[Correction]) -> Notice:
        """To the contact that was told, as long as it is one: who is none any more is not written to again."""
        last = found[-1].word.notice
        to = self._addressee(address, last.role)
        if to is None or self._reader is None:
            abouts = [one.about for one in found]
            name = reference(abouts, self._party, self._now)
            key = f"{name}/restatement-{self._now}/{self._party or 'provider'}/{last.role}/{last.address}"
            common = {"customer": self._party or None, "case_id": abouts[0].case_id if len(abouts) == 1 else None}
            gone = nobody(key, "restatement", last.role, self._now, None, common)
            return replace(gone, reason=f"no contact: {last.address} is no contact any more")
        return plan_corrections(found, to, self._reader, self._provider, self._party, self._now)

    def _addressee(self, address: Address, role: str) -> Addressee | None:
        """The contact who has that address, if it can be under the role by which it was told, at that address."""
        known = self._reader.contacts if self._reader is not None else {}
        prefix = CUSTOMER if self._party else ""
        found = [
            Addressee(_at(contact, place), prefix + name, number)
            for name, contacts in known.items()
            for number, contact in enumerate(contacts)
            for place in (contact, *contact.fallback)
            if place.place == address
        ]
        return next((one for one in found if one.role == role), found[0] if found else None)


def _at(contact: Contact, place: Place) -> Contact:
    """The contact at one of its further addresses: that is where it was told."""
    return contact.model_copy(update={name: getattr(place, name) for name in ("email", "webhook", "secret", "page")})


def _saying(key: Key, told: Iterable[tuple[Notice, Mapping[Key, Conclusion]]]) -> list[Word]:
    return [Word(notice, what[key]) for notice, what in told if key in what]


def _heard(words: Sequence[Word], about: About, row: VerdictNews) -> str:
    """How it stands with a contact as to the credit: only a notice of a credit, or a correction, speaks of that."""
    if row.occasion == "claim":
        return "holds" if any(says_claimed(word.notice, row.key) for word in words) else "unheard"
    settled = [w for w in words if w.notice.kind in ("credit", "restatement", "withdrawn") and w.told.final]
    return standing(settled, of_verdict(about.verdict))


def _causes(about: About, then: Verdict) -> Sequence[Cause]:
    """Why the verdict is not as it was then."""
    promises = () if about.agreement is None else about.agreement.promises
    promise = next((one for one in promises if one.id == about.verdict.objective), None)
    return causes(then, about.verdict, events=promise is not None and promise.indicator.kind == "duration")
