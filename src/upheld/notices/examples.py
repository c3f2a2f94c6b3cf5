"""An example of every kind of notice, in every language: for previews, for the check of a provider's own texts, and for
tests. A provider, a customer and an agreement that there are not, and what could happen to them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from upheld.agreements.contacts import Language
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.notice_terms import SummaryNotice
from upheld.agreements.parties import Party
from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.assessment.verdict import Credit as Money
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Cause
from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.cases.resolutions import OwedResolution, Stage
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.objection import Objection
from upheld.maintenance.window import planned_in
from upheld.notices.conclusions import Word as Said
from upheld.notices.conclusions import of_verdict
from upheld.notices.digest import digest_of
from upheld.notices.fallback import undeliverable
from upheld.notices.gathering import gathered_notices
from upheld.notices.model import Notice, NoticeKind, Owed
from upheld.notices.objections import plan_answer, plan_objections
from upheld.notices.planning import plan_case_notices, plan_maintenance_notices
from upheld.notices.resolutions import plan_resolution_notices
from upheld.notices.settled import About, Addressee, Correction, What, plan_corrections, plan_credits
from upheld.notices.settled import Credit as CreditTold
from upheld.notices.summary import Line, Summary, plan_summary
from upheld.notices.word_of_works import Earlier, Word

PORTFOLIO = Portfolio.model_validate(
    {
        "provider": {
            "id": "north",
            "name": "Northern Networks",
            "time_zone": "UTC",
            "contacts": {"account-manager": [{"email": "account@north.example"}]},
        },
        "customers": [
            {
                "id": "acme",
                "name": "Acme & Söhne GmbH",
                "time_zone": "Europe/Berlin",
                "contacts": {
                    "noc": [
                        {"email": "noc@acme.example"},
                        {
                            "webhook": "https://hooks.acme.example/sla",
                            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                        },
                    ]
                },
            }
        ],
        "agreements": [
            {
                "id": "acme-vpn-gold",
                "customer": "acme",
                "time_zone": "Europe/Berlin",
                "valid": {"from": "2026-01-01"},
                "services": ["vpn-0042", "vpn-0043"],
                "objectives": [
                    {
                        "id": "availability",
                        "indicator": {"kind": "availability", "metric": "reachable", "good_when": ">= 1"},
                        "period": {"calendar": "month"},
                        "target": "99.9 %",
                        "warning": {"budget_spent": "75 %"},
                        "credits": [{"below": "99.9 %", "share": "10 %"}],
                    },
                    {
                        "id": "latency",
                        "indicator": {"kind": "aggregate", "metric": "rtt_ms", "aggregate": "p95"},
                        "period": {"calendar": "day"},
                        "target": "<= 40",
                    },
                    {
                        "id": "requests",
                        "indicator": {"kind": "ratio", "metric": "http_requests"},
                        "period": {"rolling": "28d"},
                        "target": "99.5 %",
                    },
                ],
                "charge": {"vpn-0042": {"amount": "1200.00", "currency": "EUR"}},
                "notices": {
                    "violation": {"within": "15m", "to": ["customer.noc", "account-manager"]},
                    "degradation": {"within": "30m", "to": ["account-manager"]},
                    "maintenance": {"lead_time": "10d", "reminder": "1d", "to": ["customer.noc"]},
                },
                "confirmation": {"to": ["customer.noc"], "remind_after": "1d", "close_after": "3d"},
            }
        ],
    }
)
AGREEMENT: Agreement = PORTFOLIO.agreements[0]
CUSTOMER: Party = PORTFOLIO.customers[0]
assert PORTFOLIO.provider is not None
PROVIDER: Party = PORTFOLIO.provider

TITLE = {
    "en": "Exchange of the line card in Bremen-2",
    "de": "Austausch der Line-Card in Bremen-2",
    "fr": "Remplacement de la carte de ligne à Bremen-2",
    "es": "Sustitución de la tarjeta de línea en Bremen-2",
}
DESCRIPTION = {
    "en": "The card of slot 4 is replaced.\nTraffic moves to the second path for most of the time.",
    "de": "Die Karte in Steckplatz 4 wird ersetzt.\nDer Verkehr läuft die meiste Zeit über den zweiten Weg.",
    "fr": "La carte de l’emplacement 4 est remplacée.\nLe trafic emprunte la plupart du temps le second chemin.",
    "es": "Se sustituye la tarjeta de la ranura 4.\nEl tráfico pasa la mayor parte del tiempo por el segundo camino.",
}
MIGRATION = {
    "en": "Move to the new access network in Bremen",
    "de": "Umzug in das neue Zugangsnetz in Bremen",
    "fr": "Passage au nouveau réseau d’accès de Brême",
    "es": "Traslado a la nueva red de acceso de Bremen",
}
TEST = {
    "en": "Failover test of the second path",
    "de": "Umschalttest des zweiten Wegs",
    "fr": "Test de bascule sur le second chemin",
    "es": "Prueba de conmutación al segundo camino",
}
END_OF_SERVICE = {
    "en": "SDSL is switched off in Bremen",
    "de": "Abschaltung von SDSL in Bremen",
    "fr": "Arrêt du SDSL à Brême",
    "es": "Cierre del SDSL en Bremen",
}
RECEIPT = "https://sla.north.example/notice/token-of-the-receiver"
"""Where the receiver of an example's mail says that it was read."""
UPDATE = {
    "en": "A card is being replaced.\nWe expect to be done by 18:00.",
    "de": "Eine Karte wird gerade ausgetauscht.\nWir rechnen damit, um 18:00 Uhr fertig zu sein.",
    "fr": "Une carte est en cours de remplacement.\nNous pensons terminer à 18 h 00.",
    "es": "Se está sustituyendo una tarjeta.\nPrevemos terminar a las 18:00.",
}
REASON = {
    "en": "We close our books that night.",
    "de": "In dieser Nacht machen wir den Jahresabschluss.",
    "fr": "Nous clôturons nos comptes cette nuit-là.",
    "es": "Esa noche cerramos las cuentas.",
}
DECLINED = {
    "en": "The card fails soon, and the maker’s engineer is here on that night only.",
    "de": "Die Karte fällt bald aus, und der Techniker des Herstellers ist nur in dieser Nacht hier.",
    "fr": "La carte va tomber en panne, et le technicien du fabricant n’est là que cette nuit-là.",
    "es": "La tarjeta va a fallar, y el técnico del fabricante solo está esa noche.",
}


def instant(text: str) -> int:
    return parse_instant(text)


AT = instant("2026-06-01T22:45:00Z")
RESTORED = instant("2026-06-01T22:44:00Z")
CLOSED = instant("2026-06-02T07:15:30Z")
SOLVED = instant("2026-06-02T09:30:00Z")
SETTLED = instant("2026-07-01T09:00:00Z")


def verdict(**changes: Any) -> Mapping[str, Any]:
    """June 2026 in Berlin, broken by an outage of 44 minutes of which 43 are allowed."""
    return {
        "agreement": "acme-vpn-gold",
        "objective": "availability",
        "service": "vpn-0042",
        "customer": "acme",
        "period_start": "2026-05-31T22:00:00Z",
        "period_end": "2026-06-30T22:00:00Z",
        "status": "violated",
        "final": False,
        "attained": "0.969444444444",
        "good": 1396,
        "bad": 44,
        "missing": 0,
        "excluded": 0,
        "budget": "43.2",
        "spent": "44",
        "at_risk_at": "2026-06-01T22:33:00Z",
        "violated_at": "2026-06-01T22:44:00Z",
        "credit": None,
        "evidence": [
            {"start": "2026-06-01T22:00:00Z", "end": "2026-06-01T22:44:00Z", "kind": "bad", "reason": ""},
            {
                "start": "2026-06-03T00:00:00Z",
                "end": "2026-06-03T02:00:00Z",
                "kind": "excluded",
                "reason": "customer_cause",
            },
        ],
        "agreement_version": 1,
        "version": 1,
        "relative_error": None,
        "claim_by": None,
        "consequences": [],
    } | changes


def case(**changes: Any) -> Case:
    given: dict[str, Any] = {
        "id": "case-7f3a",
        "kind": "violation",
        "state": "acting",
        "agreement": "acme-vpn-gold",
        "objective": "availability",
        "service": "vpn-0042",
        "customer": "acme",
        "period_start": parse_instant("2026-05-31T22:00:00Z"),
        "opened_at": parse_instant("2026-06-01T22:33:00Z"),
        "verdict": verdict(),
        "seq": 5,
    } | changes
    return Case(**given)


def work(**changes: Any) -> Maintenance:
    given: dict[str, Any] = {
        "id": "chg-2026-118",
        "title": TITLE["en"],
        "start": parse_instant("2026-06-20T22:00:00Z"),
        "end": parse_instant("2026-06-21T02:00:00Z"),
        "services": ("vpn-0042", "vpn-0043"),
        "approved_by": "M. Lange",
        "planned_at": parse_instant("2026-06-01T08:00:00Z"),
        "description": DESCRIPTION["en"],
    } | changes
    return Maintenance(**given)


def link(contact: str) -> str:
    return f"https://sla.north.example/confirm/token-of-{contact.replace('/', '-')}"


# -- the examples ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """`make` gives the notice as it would be recorded, to a reader of a language, from a provider with the name and
    the brand of the one that is given. `templates`: what it is made of, in each language."""

    kind: NoticeKind
    make: Callable[[Language, Party], Notice]
    templates: tuple[str, ...]


def example(name: str, language: Language, provider: Party = PROVIDER) -> Notice:
    """The notice of an example, a key of EXAMPLES. Raises KeyError."""
    return EXAMPLES[name].make(language, provider)


def in_language(party: Party, language: Language) -> Party:
    """The party, with all of its contacts reading that language."""
    contacts = {
        role: tuple(contact.model_copy(update={"language": language}) for contact in contacts)
        for role, contacts in party.contacts.items()
    }
    return party.model_copy(update={"contacts": contacts})


def _sender(language: Language, provider: Party) -> Party:
    named = {"id": provider.id, "name": provider.name, "brand": provider.brand}
    return in_language(PROVIDER.model_copy(update=named), language)


def _of_case(kind: NoticeKind, about: Case, number: int = 0, told: Mapping[str, str] | None = None) -> Example:
    """`number`: the notice of this contact. `told`: what our people told of the case, by language."""

    def make(language: Language, provider: Party) -> Notice:
        now = replace(about, told={"at": AT, "text": told[language], "by": "Ada"}) if told else about
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        return plan_case_notices(
            kind, now, AGREEMENT, customer, sender, AT, due_by=None, occasion=f"{kind}-1", links=link
        )[number]

    return Example(kind, make, (f"{kind}.jinja",))


def _undeliverable(further: str | None) -> Example:
    """To the account manager: what was told a customer came back, and goes to another address or to none."""

    def make(language: Language, provider: Party) -> Notice:
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        notice = EXAMPLES["violation"].make(language, provider)
        elsewhere = None if further is None else replace(notice, address=further)
        why = "5.1.1 550 5.1.1 no such user"
        returned = replace(notice, receipt="bounced", receipt_detail=why)
        return undeliverable(returned, why, elsewhere, customer, sender, AT)[0]

    return Example("undeliverable", make, ("undeliverable.jinja",))


def _owed(stage: Stage, problem: Problem | None = None) -> Example:
    """To the account manager: nobody has said what it was."""
    subject = "case-7f3a" if problem is None else problem.id
    owed = OwedResolution(
        subject,
        "case-7f3a",
        AGREEMENT.id,
        "vpn-0042",
        CUSTOMER.id,
        CLOSED,
        AGREEMENT.handling.resolution.latest(CLOSED, AGREEMENT.time_zone),
    )

    def make(language: Language, provider: Party) -> Notice:
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        return plan_resolution_notices(owed, stage, problem, AGREEMENT, customer, sender, CLOSED)[0]

    return Example("resolution_owed", make, ("resolution_owed.jinja",))


def _digest() -> Example:
    """What may wait, told together in the morning."""

    def make(language: Language, provider: Party) -> Notice:
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        kinds = ("update", "restoration", "closed")
        waiting = [
            replace(EXAMPLES[kind].make(language, provider), together="digest/1/email/noc@acme.example")
            for kind in kinds
        ]
        return digest_of(waiting, customer.contacts["noc"][0], customer, sender, AT)

    return Example("digest", make, ("digest.jinja",))


def _of_work(
    kind: NoticeKind,
    about: Maintenance,
    at: int,
    was: Maintenance | None = None,
    released: bool = False,
    roles: tuple[str, ...] | None = None,
    titles: Mapping[str, str] = TITLE,
    descriptions: Mapping[str, str] = DESCRIPTION,
    window: int | None = None,
) -> Example:
    """`was`: what the reader had been told of the work before, of the first service alone. `window`: the place of the
    one that a reminder is of."""

    def make(language: Language, provider: Party) -> Notice:
        planned = replace(about, title=titles[language], description=descriptions.get(language, ""))
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        said = Word(planned.title, planned.description, was.spans, was.services[:1], 0) if was is not None else None
        places = [contact.place[1] for contact in customer.contacts["noc"]]
        return plan_maintenance_notices(
            kind,
            planned,
            AGREEMENT,
            customer,
            sender,
            planned.services,
            at,
            due_by=None,
            occasion=kind,
            earlier=Earlier(kind, dict.fromkeys(places, said) if said is not None else {}),
            released=released,
            roles=roles,
            window=None if window is None else planned.spans[window],
            link=lambda key: f"https://sla.north.example/planned/token-of-{key.replace('/', '-')}",
        )[0]

    return Example(kind, make, (f"{kind}.jinja", "calendar.jinja"))


def _objections(language: Language, windows: Sequence[tuple[int, int] | None]) -> list[Objection]:
    """Of contacts of the customer to the work, one for each window that is asked for instead."""
    planned = work()
    return [
        Objection(
            id=f"O-00000000000{n}",
            maintenance_id=planned.id,
            agreement=AGREEMENT.id,
            customer=CUSTOMER.id,
            role="customer.noc",
            contact="noc@acme.example" if n == 0 else f"night-{n}@acme.example",
            notice=f"{planned.id}/maintenance/{AGREEMENT.id}/customer.noc/{n}",
            windows=planned.spans,
            at=planned.planned_at + DAY,
            answer_by=planned.planned_at + 3 * DAY,
            wish=wish,
            reason=REASON[language] if n == 0 else "",
        )
        for n, wish in enumerate(windows)
    ]


def _objected(*wishes: tuple[int, int] | None) -> Example:
    """To the account manager."""

    def make(language: Language, provider: Party) -> Notice:
        planned, sender = work(title=TITLE[language]), _sender(language, provider)
        objections, customers = _objections(language, wishes), {CUSTOMER.id: CUSTOMER}
        return plan_objections(objections, planned, customers, sender, planned.planned_at + DAY)[0]

    return Example("objection", make, ("objection.jinja",))


def _objection_answered(agreed: bool) -> Example:
    """To the contact who had asked for the window of LATER."""

    def make(language: Language, provider: Party) -> Notice:
        planned = replace(LATER if agreed else work(), title=TITLE[language], description=DESCRIPTION[language])
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        wish = LATER.start, LATER.end
        said = replace(_objections(language, [wish])[0], agreed=wish if agreed else None)
        said = replace(said, answer="" if agreed else DECLINED[language])
        at = planned.planned_at + 2 * DAY
        return plan_answer(said, planned, AGREEMENT, customer, sender, planned.services, at)[0]

    return Example("objection_answered", make, ("objection_answered.jinja",))


def _of_problem(kind: NoticeKind, role: str, told: Mapping[str, str] | None = None) -> Example:
    """Three services that one problem hits, told to a role. `told`: as of a case."""
    facts: dict[str, Any] = {"status": "violated", "objective": "availability", "asked": 1}
    facts |= {name: verdict()[name] for name in ("period_start", "version", "final", "attained", "claim_by")}
    facts["answer_by"] = AT + DAY if kind == "question" else None
    facts["credit"] = {"amount": "120.00", "currency": "EUR"} if kind == "violation" else None
    rows = [
        Owed(
            problem="P-0FB0746D1A",
            case_id=f"C-00000000{n}",
            seq=1,
            kind=kind,
            party=CUSTOMER.id if role.startswith("customer.") else "",
            customer=CUSTOMER.id,
            agreement=AGREEMENT.id,
            roles=(role,),
            at=AT,
            facts={**facts, "service": f"vpn-004{n}"},
        )
        for n in range(3)
    ]

    def make(language: Language, provider: Party) -> Notice:
        customers = {CUSTOMER.id: in_language(CUSTOMER, language)}
        words = {} if told is None else {"update": told[language]}
        return gathered_notices(
            PROBLEM,
            [replace(row, facts={**row.facts, **words}) for row in rows],
            customers,
            _sender(language, provider),
            AT,
            lambda row, contact: link(f"{row.problem}/{contact}"),
        )[0]

    return Example(kind, make, ("problem.jinja",))


def _settled(**changes: Any) -> Verdict:
    """June 2026, over and broken: the verdict that `verdict` gives as JSON."""
    given: dict[str, Any] = {
        "agreement": "acme-vpn-gold",
        "objective": "availability",
        "service": "vpn-0042",
        "customer": "acme",
        "period_start": instant("2026-05-31T22:00:00Z"),
        "period_end": instant("2026-06-30T22:00:00Z"),
        "status": "violated",
        "final": True,
        "attained": "0.998981481481",
        "good": 43156,
        "bad": 44,
        "missing": 0,
        "excluded": 0,
        "budget": "43.2",
        "spent": "44",
        "at_risk_at": None,
        "violated_at": None,
        "credit": Money(Decimal("120.00"), "EUR"),
        "evidence": (),
    } | changes
    return Verdict(**given)


_KEPT = {"status": "met", "attained": "0.999953703703", "bad": 2, "spent": "2", "credit": None, "version": 2}


def _about(settled: Verdict, of_case: bool) -> About:
    return About(settled, AGREEMENT, "case-7f3a" if of_case else None, None)


def _told(told: Verdict, language: Language) -> Said:
    """What the NOC was told of a verdict: on 1 July, once it was final."""
    notice = replace(
        EXAMPLES["violation"].make(language, PROVIDER), state="sent", sent_at=SETTLED if told.final else AT
    )
    return Said(notice, of_verdict(told))


def _of_credits(credits: Callable[[Language], Sequence[CreditTold]], role: str = "customer.billing") -> Example:
    def make(language: Language, provider: Party) -> Notice:
        to, party, sender, party_id = _addressee(role, language, provider)
        return plan_credits(credits(language), to, party, sender, party_id, SETTLED)

    return Example("credit", make, ("credit.jinja",))


def _of_corrections(now: Sequence[Verdict], role: str = "customer.noc") -> Example:
    cause = Cause("exclusion_granted", "force_majeure", ((AT, AT + DAY),))

    def make(language: Language, provider: Party) -> Notice:
        to, party, sender, party_id = _addressee(role, language, provider)
        corrections = [
            Correction(
                _about(one, len(now) == 1),
                _told(_settled(service=one.service), language),
                [cause, Cause("late_data")] if len(now) == 1 else [cause],
                "Grace Hopper",
                ("customer.noc", "customer.billing") if party_id else ("account-manager",),
            )
            for one in now
        ]
        return plan_corrections(corrections, to, party, sender, party_id, SETTLED + 4 * DAY)

    return Example("restatement", make, ("restatement.jinja",))


def _addressee(role: str, language: Language, provider: Party) -> tuple[Addressee, Party, Party, str]:
    customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
    if not role.startswith("customer."):
        return Addressee(sender.contacts[role][0], role, 0), sender, sender, ""
    return Addressee(customer.contacts["noc"][0], role, 0), customer, sender, customer.id


def _due(what: What, settled: Verdict, of_case: bool = True) -> Callable[[Language], list[CreditTold]]:
    def credits(language: Language) -> list[CreditTold]:
        before = _told(_settled(final=False), language) if what in ("changed", "withdrawn") else None
        link = "https://sla.north.example/claim/token-of-customer.billing-0" if what == "claim" else None
        return [CreditTold(_about(settled, of_case), what, before, link)]

    return credits


def _several(language: Language) -> list[CreditTold]:
    other = _settled(service="vpn-0043", credit=Money(Decimal("80.00"), "EUR"))
    return [*_due("due", _settled(), False)(language), *_due("claim", _claimable(other), False)(language)]


def _claimable(settled: Verdict) -> Verdict:
    return replace(settled, claim_by=instant("2026-07-30T22:00:00Z"))


def _of_summary(
    lines: Sequence[Line], cases: Sequence[Case] = (), works: bool = False, end: str = "2026-06-30T22:00:00Z"
) -> Example:
    earned = Announcement("chg-2026-118", AGREEMENT.id, CUSTOMER.id, True, "", AT, ("vpn-0042",))
    terms = SummaryNotice(to=("customer.noc",))
    promised = AGREEMENT.model_copy(update={"notices": AGREEMENT.notices.model_copy(update={"summary": terms})})

    def make(language: Language, provider: Party) -> Notice:
        first, second = work(title=TITLE[language]), work(id="chg-2026-121", title=TITLE[language])
        planned = [(first, earned), (second, replace(earned, earned=False, services=()))] if works else []
        span = instant("2026-05-31T22:00:00Z"), instant(end)
        customer, sender = in_language(CUSTOMER, language), _sender(language, provider)
        told = [
            replace(c, resolution={"cause": UPDATE[language].splitlines()[0]} if c.resolution else {}) for c in cases
        ]
        return plan_summary(Summary(promised, *span, lines, told, planned), customer, sender, SETTLED)[0]

    return Example("summary", make, ("summary.jinja",))


def _a_month() -> list[Line]:
    """One promise missed and one met, of a month; and one of each day, missed once."""
    availability, latency = AGREEMENT.promises[:2]
    may = _settled(**_KEPT | {"period_end": instant("2026-05-31T22:00:00Z"), "version": 1})
    day = {"objective": "latency", "credit": None, "budget": None, "spent": None, "bad": 0}
    good = [_settled(**day | {"attained": f"{20 + n}.5", "status": "met"}) for n in range(29)]
    return [
        Line(availability, "vpn-0042", [_settled()], [may]),
        Line(availability, "vpn-0043", [_settled(**_KEPT | {"service": "vpn-0043", "excluded": 240})], []),
        Line(latency, "vpn-0042", [*good, _settled(**day | {"attained": "41.25"})], []),
    ]


def _a_day() -> list[Line]:
    """A promise of each day, missed for one service and met for the other."""
    day = {"objective": "latency", "credit": None, "budget": None, "spent": None, "bad": 0}
    day |= {"period_end": instant("2026-06-01T22:00:00Z")}
    good = _settled(**day | {"service": "vpn-0043", "attained": "20.5", "status": "met"})
    return [
        Line(AGREEMENT.promises[1], "vpn-0042", [_settled(**day | {"attained": "41.25"})], []),
        Line(AGREEMENT.promises[1], "vpn-0043", [good], []),
    ]


PROBLEM = Problem("P-0FB0746D1A", "outage", "resource", "agg-1", "open", AT)
AT_RISK = verdict(status="at_risk", bad=33, spent="33", attained="0.977083333333", violated_at=None, evidence=[])
CREDITED = verdict(final=True, attained="0.998981481481", credit={"amount": "120.00", "currency": "EUR"})
MET = verdict(status="met", attained="0.999069444444", bad=40, spent="40", violated_at=None, evidence=[])
_MINUTE = {
    "start": "2026-06-01T22:32:00Z",
    "end": "2026-06-01T22:33:00Z",
    "kind": "bad",
    "reason": "reachable not >= 1",
}
_STRAYED = verdict(
    status="met", attained="0.999976851851", bad=1, spent="1", at_risk_at=None, violated_at=None, evidence=[_MINUTE]
)
SILENT = {"silence": {"since": "2026-06-01T22:34:00Z", "services": ["vpn-0042"], "metric": "reachable"}}
_SLOW = verdict(attained="40.00001", budget=None, spent=None, final=True, bad=3, evidence=[])
_FAILED = verdict(attained="0.993999999999", budget="1500.5", spent="1800", bad=1800)
_ENDED = {"state": "closed", "restored_at": RESTORED, "closed_at": CLOSED}
_LATE = {"at": CLOSED + 6 * DAY, "contact": "customer.noc/0", "comment": "VPN still slow", "effect": "late"}

_GATHERED: tuple[NoticeKind, ...] = (
    "degradation", "violation", "update", "restoration", "question", "reminder", "reopened", "closed", "withdrawn",
    "no_data", "resumed", "late_rejection",
)  # fmt: skip

_TONIGHT = parse_instant("2026-06-20T22:00:00Z"), parse_instant("2026-06-21T01:00:00Z")
URGENT = work(
    emergency=True,
    planned_at=_TONIGHT[0] - 3 * HOUR,
    end=_TONIGHT[1] + HOUR,
    windows=tuple((start, start + HOUR) for start in _TONIGHT),
)
"""It cannot wait, and takes two windows of a night."""
LATER = work(start=work().start + DAY, end=work().end + DAY + HOUR, sequence=1)
NIGHTS = work(**planned_in((work().start + n * DAY, work().end + n * DAY) for n in (0, 3)))

EXAMPLES: Mapping[str, Example] = (
    {
        "degradation": _of_case("degradation", case(kind="degradation", verdict=AT_RISK)),
        "degradation-by-a-work": _of_case("degradation", case(kind="degradation", verdict=_STRAYED)),
        "violation": _of_case("violation", case()),
        "violation-of-latency": _of_case("violation", case(objective="latency", verdict=_SLOW)),
        "violation-of-requests": _of_case("violation", case(objective="requests", verdict=_FAILED)),
        "violation-to-account-manager": _of_case("violation", case(), -1),
        "restoration": _of_case("restoration", case(state="restored", restored_at=RESTORED)),
        "restoration-of-degradation": _of_case(
            "restoration", case(kind="degradation", state="restored", restored_at=RESTORED, verdict=AT_RISK)
        ),
        "question": _of_case("question", case(state="confirming", restored_at=RESTORED, asked=1)),
        "reminder": _of_case("reminder", case(state="confirming", restored_at=RESTORED, asked=1)),
        "restoration-after-a-no": _of_case(
            "restoration", case(state="restored", restored_at=SOLVED, reopened_at=CLOSED, level=1, asked=1)
        ),
        "question-after-a-no": _of_case(
            "question", case(state="confirming", restored_at=SOLVED, reopened_at=CLOSED, level=1, asked=2)
        ),
        "reopened": _of_case("reopened", case(state="acting", reopened_at=CLOSED, level=1, asked=1)),
        "late_rejection": _of_case("late_rejection", case(**_ENDED, outcome="confirmed", asked=1, answers=(_LATE,))),
        "update": _of_case("update", case(state="acting")),
        "update-after-a-no": _of_case("update", case(state="acting", reopened_at=CLOSED, level=1, asked=1)),
        "update-in-words": _of_case("update", case(state="acting"), told=UPDATE),
        "closed": _of_case("closed", case(**_ENDED, outcome="confirmed", asked=1)),
        "closed-unanswered": _of_case("closed", case(**_ENDED, outcome="unanswered", asked=1, verdict=CREDITED)),
        "no_data": _of_case("no_data", case(kind="no_data", verdict=MET, findings=SILENT)),
        "resumed": _of_case(
            "resumed",
            case(kind="no_data", verdict=MET, findings=SILENT, state="closed", closed_at=CLOSED, outcome="resumed"),
        ),
        "withdrawn": _of_case("withdrawn", case(state="withdrawn", closed_at=CLOSED, outcome="withdrawn", verdict=MET)),
        "credit": _of_credits(_due("due", _settled())),
        "credit-to-claim": _of_credits(_due("claim", _claimable(_settled()))),
        "credit-claimed": _of_credits(_due("claimed", _claimable(_settled()))),
        "credit-changed": _of_credits(_due("changed", _settled(credit=Money(Decimal("240.00"), "EUR")))),
        "credit-withdrawn": _of_credits(_due("withdrawn", _settled(**_KEPT | {"version": 1}))),
        "credit-of-several": _of_credits(_several),
        "credit-to-account-manager": _of_credits(_due("due", _settled()), "account-manager"),
        "restatement": _of_corrections([_settled(**_KEPT)]),
        "restatement-of-several": _of_corrections([_settled(**_KEPT), _settled(**_KEPT | {"service": "vpn-0043"})]),
        "restatement-to-account-manager": _of_corrections([_settled(**_KEPT)], "account-manager"),
        "summary": _of_summary(
            _a_month(),
            [case(**_ENDED, outcome="confirmed", resolution={"cause": "a card"}), case(id="case-9b1d")],
            works=True,
        ),
        "summary-of-a-day": _of_summary(_a_day(), end="2026-06-01T22:00:00Z"),
        "summary-all-met": _of_summary([Line(AGREEMENT.promises[0], "vpn-0042", [_settled(**_KEPT)], [])]),
        "undeliverable": _undeliverable("duty@acme.example"),
        "undeliverable-anywhere": _undeliverable(None),
        "resolution_owed": _owed("asked"),
        "resolution_owed-warning": _owed("warning"),
        "resolution_owed-missed": _owed("missed"),
        "resolution_owed-of-problem": _owed("asked", PROBLEM),
        "digest": _digest(),
        "maintenance": _of_work("maintenance", work(), work().planned_at),
        "maintenance-emergency": _of_work("maintenance", URGENT, URGENT.planned_at),
        "maintenance-migration": _of_work(
            "maintenance", work(kind="migration"), work().planned_at, titles=MIGRATION, descriptions={}
        ),
        "maintenance-test": _of_work("maintenance", work(kind="test"), work().planned_at, titles=TEST, descriptions={}),
        "maintenance-end-of-service": _of_work(
            "maintenance", work(kind="end_of_service"), work().planned_at, titles=END_OF_SERVICE, descriptions={}
        ),
        "maintenance_changed": _of_work("maintenance_changed", LATER, work().start - 12 * DAY, work()),
        "maintenance_released": _of_work(
            "maintenance_cancelled", work(state="cancelled", sequence=1), instant("2026-06-12T09:00:00Z"), released=True
        ),
        "maintenance_started": _of_work("maintenance_started", work(started_at=work().start), work().start),
        "maintenance_over": _of_work("maintenance_over", work(ended_at=work().end), work().end),
        "maintenance_over-early": _of_work("maintenance_over", work(ended_at=work().end - HOUR), work().end - HOUR),
        "maintenance_overrun": _of_work("maintenance_overrun", work(overrun_at=work().end), work().end),
        "maintenance_overrun-to-account-manager": _of_work(
            "maintenance_overrun", work(overrun_at=work().end), work().end, roles=("account-manager",)
        ),
        "objection": _objected((LATER.start, LATER.end)),
        "objection-of-several": _objected((LATER.start, LATER.end), None, (LATER.start, LATER.end + HOUR)),
        "objection_answered": _objection_answered(agreed=True),
        "objection_answered-declined": _objection_answered(agreed=False),
        "maintenance_reminder": _of_work("maintenance_reminder", work(), work().start - DAY, window=0),
        "maintenance_reminder-of-several": _of_work("maintenance_reminder", NIGHTS, NIGHTS.end - DAY, window=1),
        "maintenance_cancelled": _of_work(
            "maintenance_cancelled", work(state="cancelled", sequence=1), instant("2026-06-12T09:00:00Z")
        ),
    }
    | {
        f"problem-{kind}-{whom}": _of_problem(kind, role)
        for kind in _GATHERED
        for whom, role in (("customer", "customer.noc"), ("provider", "account-manager"))
        if not (kind in ("no_data", "resumed", "late_rejection") and whom == "customer")
    }
    | {"problem-update-in-words": _of_problem("update", "customer.noc", UPDATE)}
)
"""By name; the first of a kind bears the kind's. Each stands in tests/golden/notices/ in every language."""
