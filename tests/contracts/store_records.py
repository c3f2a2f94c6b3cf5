"""One of each record, with every field filled in. `mark` tells two of them with the same ids apart."""

from dataclasses import replace
from decimal import Decimal

from upheld.actions.model import Action, Ticket
from upheld.analysis.alarms import Alarm
from upheld.analysis.model import Change
from upheld.assessment.verdict import Credit, Evidence, Verdict
from upheld.cases.model import Case, Event
from upheld.cases.problems import Problem
from upheld.cases.resolutions import OwedResolution
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.objection import Objection
from upheld.maintenance.received import NoticedWork, Received
from upheld.measurements.collection import CollectionJob
from upheld.measurements.dead_letters import DeadLetter
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.senders import Sender
from upheld.notices.model import Notice, Owed, VerdictNews
from upheld.outgoing.billing import Adjustment
from upheld.outgoing.claims import Claim
from upheld.outgoing.model import OutgoingEvent
from upheld.ports import AgendaEntry, Assessment, Hub, SourceFile

DAY = 86_400_000_000
JUNE = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z
KEY = ("acme-gold", "availability", "vpn-1", JUNE)


def a_verdict(mark: str = "", **changes: object) -> Verdict:
    verdict = Verdict(
        agreement="acme-gold",
        objective="availability",
        service="vpn-1",
        customer=f"acme{mark}",
        period_start=JUNE,
        period_end=JUNE + 30 * DAY,
        status="violated",
        final=False,
        attained="0.998981481481",
        good=43156,
        bad=44,
        missing=7,
        excluded=12,
        budget="43.2",
        spent="44",
        at_risk_at=JUNE + DAY,
        violated_at=JUNE + 2 * DAY,
        credit=Credit(Decimal("120.00"), "EUR"),
        evidence=(
            Evidence(JUNE, JUNE + 60_000_000, "bad"),
            Evidence(JUNE + DAY, JUNE + 2 * DAY, "excluded", "Störung"),
        ),
        agreement_version=3,
        version=1,
    )
    return replace(verdict, **changes)  # type: ignore[arg-type]


def an_outgoing_event(mark: str = "", **changes: object) -> OutgoingEvent:
    event = OutgoingEvent("org.upheld.case.opened", f"case{mark}", JUNE, {"a": [1, mark]}, position=1)
    return replace(event, **changes)  # type: ignore[arg-type]


def an_adjustment(mark: str = "", **changes: object) -> Adjustment:
    adjustment = Adjustment(
        id="A-1",
        told_at=JUNE,
        customer=f"acme{mark}",
        agreement=KEY[0],
        objective=KEY[1],
        service=KEY[2],
        period_start=JUNE - DAY,
        period_end=JUNE,
        amount="-20.00",
        currency="EUR",
        credit="120.00",
        reason="changed",
        verdict_version=2,
        cause="late data",
        approver="prober",
    )
    return replace(adjustment, **changes)  # type: ignore[arg-type]


def a_claim(mark: str = "", **changes: object) -> Claim:
    claim = Claim(*KEY, f"acme{mark}", JUNE, "customer.noc/1", "link", JUNE + DAY, "by mail", "it was lost", None)
    return replace(claim, **changes)  # type: ignore[arg-type]


def a_hub(mark: str = "", **changes: object) -> Hub:
    hub = Hub("hub-1", f"https://{mark}.example.net/", "eventType=x", ("org.upheld.case.*",), JUNE)
    return replace(hub, **changes)  # type: ignore[arg-type]


def an_assessment(mark: str = "", **changes: object) -> Assessment:
    made = Assessment(
        JUNE, JUNE - 1, JUNE - DAY, 3_600_000_000, position=len(mark), exclusions=2, events=1, portfolio=3
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def a_case(mark: str = "", **changes: object) -> Case:
    case = Case(
        id="case-1",
        kind="violation",
        state="detected",
        agreement="acme-gold",
        objective="availability",
        service="vpn-1",
        customer=f"acme{mark}",
        period_start=JUNE,
        opened_at=JUNE + DAY,
        verdict={"status": "violated", "evidence": [{"start": "2026-06-01T00:00:00Z"}], "z": 1, "a": None},
        findings={"services": ["vpn-1", "vpn-2"], "share": 0.1},
        restored_at=JUNE + 2 * DAY,
        reopened_at=JUNE + 3 * DAY,
        asked=2,
        level=1,
        problem="P-1",
        told={"at": JUNE + DAY, "text": "a card is replaced", "by": "Ada"},
        resolution={"at": JUNE + 4 * DAY, "cause": "a card", "done": "replaced", "by": "Ada"},
        answers=({"at": JUNE + 4 * DAY, "round": 1, "contact": mark, "solved": True, "comment": "", "score": 4},),
        score=4,
        outcome="confirmed",
        closed_at=JUNE + 4 * DAY,
        seq=1,
    )
    return replace(case, **changes)  # type: ignore[arg-type]


def a_brief_case(mark: str = "") -> Case:
    """As lists have it: without its documents."""
    return replace(a_case(mark), verdict={}, periods={}, findings={}, told={}, resolution={}, answers=())


def a_problem(mark: str = "", **changes: object) -> Problem:
    problem = Problem("P-1", "outage", "resource", f"switch{mark}", "open", JUNE + DAY, JUNE + 2 * DAY, "P-0")
    problem = replace(problem, resolution={"at": JUNE + 4 * DAY, "cause": "a card", "done": "replaced", "by": "Ada"})
    return replace(problem, **changes)  # type: ignore[arg-type]


def an_owed_resolution(mark: str = "", **changes: object) -> OwedResolution:
    owed = OwedResolution("P-1", "case-1", "acme-gold", "vpn-1", f"acme{mark}", JUNE, JUNE + DAY, JUNE + 1, JUNE + 2)
    return replace(owed, **changes)  # type: ignore[arg-type]


def some_news(mark: str = "", **changes: object) -> VerdictNews:
    news = VerdictNews(
        *KEY, 2, "restated", "acme", f"acme{mark}", at=JUNE, not_before=JUNE + 1, told=JUNE + 2, notices=("notice-1",)
    )
    return replace(news, **changes)  # type: ignore[arg-type]


def an_owed(mark: str = "", **changes: object) -> Owed:
    owed = Owed(
        problem="P-1",
        case_id="case-1",
        seq=1,
        kind="violation",
        party="acme",
        customer=f"acme{mark}",
        agreement="acme-gold",
        roles=("customer.noc",),
        at=JUNE,
        due_by=JUNE + 1,
        facts={"service": "vpn-1", "credit": None},
        arrived=JUNE - 1,
    )
    return replace(owed, **changes)  # type: ignore[arg-type]


def an_event(mark: str = "", **changes: object) -> Event:
    event = Event("case-1", 1, f"opened{mark}", JUNE + DAY, {"why": "budget spent", "nested": {"n": [1, 2]}})
    return replace(event, **changes)  # type: ignore[arg-type]


def an_action(mark: str = "", **changes: object) -> Action:
    action = Action(
        "action-1",
        "case-1",
        "ticket",
        "done",
        JUNE,
        {"title": f"vpn-1{mark}"},
        2,
        JUNE + 5,
        "T-17",
        "timed out once",
        playbook="gold",
        step="ticket",
        round=2,
        channel="tickets",
        owner="noc",
        due_by=JUNE + 6,
        overdue_at=JUNE + 7,
        outcome=f"opened{mark}",
        by="Ada",
        again=1,
        plan={"after": ["approval"], "wait": 5},
    )
    return replace(action, **changes)  # type: ignore[arg-type]


def a_ticket(mark: str = "", **changes: object) -> Ticket:
    return replace(
        Ticket("ticket-1", JUNE, f"vpn-1 is down{mark}", {"urgency": 1}, "case-1", "resolved", ({"id": "n"},)),
        **changes,
    )  # type: ignore[arg-type]


def a_notice(mark: str = "", **changes: object) -> Notice:
    notice = Notice(
        id="notice-1",
        kind="violation",
        role="customer.noc",
        channel="email",
        address=f"noc{mark}@acme.example",
        subject="Verfügbarkeit verletzt ✓",
        text="text\nof two lines",
        html="<p>text</p>",
        state="sent",
        recorded_at=JUNE,
        customer="acme",
        agreement="acme-gold",
        case_id="case-1",
        maintenance_id="work-1",
        problem_id="P-1",
        cases=("case-1", "case-2"),
        calendar="BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        payload={"type": "violation", "data": {"bad": 44}},
        due_by=JUNE + 900_000_000,
        sent_at=JUNE + 1,
        attempts=1,
        reason="deferred once",
        text_version="de/violation 5d0c6f2b19e3a847",
        reply_to="noc@north.example",
        not_before=JUNE + 2,
        instead_of="chief@acme.example",
        outside_id="outside-1",
        receipt="delivered",
        receipt_at=JUNE + 3,
        receipt_detail="2.0.0",
        acknowledged_at=JUNE + 4,
        acknowledgement="seen",
        together="digest/1",
        seq=4,
    )
    return replace(notice, **changes)  # type: ignore[arg-type]


def a_maintenance(mark: str = "", **changes: object) -> Maintenance:
    maintenance = Maintenance(
        "work-1", f"Router{mark}", JUNE, JUNE + DAY, ("vpn-1", "vpn-2"), "Ada", JUNE - DAY, "swap", "cancelled", 3
    )
    nights = ((maintenance.start, maintenance.start + 1), (maintenance.end - 1, maintenance.end))
    maintenance = replace(
        maintenance,
        windows=nights,
        started_at=JUNE,
        ended_at=JUNE + 2,
        overrun_at=JUNE + 1,
        emergency=True,
        kind="test",
    )
    return replace(maintenance, **changes)  # type: ignore[arg-type]


def an_objection(mark: str = "", **changes: object) -> Objection:
    objection = Objection(
        id="O-1",
        maintenance_id="work-1",
        agreement="acme-gold",
        customer="acme",
        role="customer.noc",
        contact="noc@acme.example",
        notice="notice-1",
        windows=((JUNE, JUNE + 1), (JUNE + DAY - 1, JUNE + DAY)),
        at=JUNE - DAY,
        answer_by=JUNE - 1,
        wish=(JUNE + DAY, JUNE + 2 * DAY),
        reason=f"stocktaking{mark}",
        state="agreed",
        told_at=JUNE - 3,
        answered_at=JUNE - 2,
        answered_by="Ada",
        answer="gladly",
        agreed=(JUNE + DAY, JUNE + 2 * DAY),
        said_at=JUNE - DAY + 1,
        agreed_in=1,
    )
    return replace(objection, **changes)  # type: ignore[arg-type]


def an_announcement(mark: str = "", **changes: object) -> Announcement:
    announcement = Announcement(
        "work-1",
        "acme-gold",
        "acme",
        True,
        f"told 12 days before{mark}",
        JUNE,
        ("vpn-1",),
        (("vpn-1", JUNE, JUNE + DAY),),
        ((JUNE, JUNE + 1),),
        ((JUNE, JUNE + DAY, "noc@acme.example (customer.noc)"),),
    )
    return replace(announcement, **changes)  # type: ignore[arg-type]


def a_received(mark: str = "", **changes: object) -> Received:
    received = Received(
        "N-1", f"digest{mark}", JUNE, "API, probe", "notice.eml", f"noc{mark}@lumen.example", b"\x00\xff"
    )
    return replace(received, **changes)  # type: ignore[arg-type]


def a_noticed_work(mark: str = "", **changes: object) -> NoticedWork:
    window = NoticedWork(
        "N-1-1",
        "N-1",
        1,
        JUNE,
        "lumen",
        "42",
        "CHG-1",
        1,
        "waiting",
        "plan",
        ({"uid": None, "status": f"CONFIRMED{mark}"},),
        ({"said": {"uid": None}, "window": None},),
        ({"circuit_id": "ABC", "impact": "OUTAGE", "nodes": None},),
        (f"who is ABC{mark}?",),
        "work-1",
        JUNE + DAY,
        "Ada",
        "because",
        {"title": mark},
    )
    return replace(window, **changes)  # type: ignore[arg-type]


def a_source_file(mark: str = "") -> SourceFile:
    return SourceFile("drop", "/in/a.csv", "1-a", JUNE, f"begun{mark}", 3)


def a_sender(mark: str = "") -> Sender:
    return Sender("collector", JUNE, JUNE, 3, 1, 1, 2, 4, 500, JUNE, 400, None, f"malformed{mark}", JUNE)


def a_collection_job(mark: str = "", **changes: object) -> CollectionJob:
    fields = {"fileTransferData": [{"fileLocation": f"https://files.example.net/{mark}"}]}
    records = ({"id": "1", "description": "created", "user": f"nms{mark}"},)
    return replace(CollectionJob(0, "pending", fields, records, JUNE, JUNE + 1), **changes)  # type: ignore[arg-type]


def a_dead_letter(mark: str = "", **changes: object) -> DeadLetter:
    letter = DeadLetter(
        id="DL-1",
        received_at=JUNE,
        caller=f"collector{mark}",
        protocol="measurements",
        format="application/x-ndjson",
        reason="refused",
        detail=({"row": 2, "field": "time", "message": "is missing"}, {"message": "and more"}),
        body=b"{}\n\x00\xff",
        size=5,
        times=3,
        attempts=2,
    )
    return replace(letter, **changes)  # type: ignore[arg-type]


def a_service_event(mark: str = "", **changes: object) -> ServiceEvent:
    told = ServiceEvent("vpn-1", "fault", JUNE, JUNE + DAY, f"P1{mark}", JUNE + 2 * DAY, f"F1{mark}", JUNE + DAY)
    return replace(told, **changes)  # type: ignore[arg-type]


def an_exclusion(mark: str = "", **changes: object) -> Exclusion:
    exclusion = Exclusion("vpn-1", JUNE, JUNE + DAY, f"force majeure{mark}", "Ada", "acme-gold", JUNE + 5)
    return replace(exclusion, **changes)  # type: ignore[arg-type]


def an_alarm(mark: str = "", **changes: object) -> Alarm:
    alarm = Alarm(
        id=1,
        source="nms",
        number="17",
        raised_at=JUNE,
        cleared_at=JUNE + 60,
        severity=f"critical{mark}",
        fields={"alarmedObject": {"id": "router-7"}, "probableCause": "Loss of signal", "alarmDetails": "no light"},
        labels={"site": "B1"},
        services=("vpn-1", "vpn-2"),
        places=(("vpn-1", "outage", "P1"), ("vpn-2", "outage", None)),
        changed_at=JUNE + 60,
        clearing_known_at=JUNE + 70,
        reported_at=JUNE + 1,
        known_at=JUNE + 70,
        occurrence=2,
    )
    return replace(alarm, **changes)  # type: ignore[arg-type]


def a_change(mark: str = "", **changes: object) -> Change:
    return replace(Change("change-1", JUNE, f"new firmware{mark}", ("vpn-1", "vpn-2"), "Ada"), **changes)  # type: ignore[arg-type]


def an_entry(mark: str = "", **changes: object) -> AgendaEntry:
    return replace(AgendaEntry("entry-1", f"remind{mark}", JUNE, {"case": "case-1", "round": 2}), **changes)  # type: ignore[arg-type]
