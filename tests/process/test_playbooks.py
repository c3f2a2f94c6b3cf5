"""Playbooks over the whole process: what begins, in which order, once whatever crashes, and what people say."""

import json
from dataclasses import replace
from fractions import Fraction
from ipaddress import IPv4Network

import pytest
from test_problems import hit  # noqa: F401  # a fixture
from two_customers import EVERY

from ticket_systems import PASSWORD, SECRET, Automation, Tmf621
from upheld.actions.model import Action
from upheld.actions.playbook import DEFAULT, DEFAULT_TEXT
from upheld.actions.rehearsal import rehearse, unmet
from upheld.actions.tickets import written_to
from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import CloseUnanswered
from upheld.channels.paging import ApprisePager
from upheld.process.acting.steps import Steps
from upheld.readers.case_files import case_of
from upheld.readers.faults import InputError
from upheld.readers.playbooks import parse_playbooks
from upheld.readers.portfolio import parse_portfolio
from upheld.reports.records import record_document

BAD, GOOD = [0.0], [1.0]


def adopt(world, text: str) -> None:
    parse_playbooks(text, "playbooks.yaml")
    world.process.steps.adopt_playbooks(DEFAULT_TENANT, text)


def steps(world) -> dict[str, Action]:
    with world.transaction() as t:
        return {f"{a.playbook}/{a.step}": a for a in t.actions(world.case().id)}


def states(world) -> dict[str, str]:
    return {name: action.state for name, action in steps(world).items()}


def say(world, step: str, verb: str, reason: str = "", **more) -> str:
    return world.process.steps.change(DEFAULT_TENANT, steps(world)[step].id, verb, "Ada", reason, **more)


def test_the_built_in_playbooks_are_what_their_text_says():
    assert parse_playbooks(DEFAULT_TEXT, "default") == DEFAULT


CREDIT = """
playbooks:
  - id: credit
    when: {event: [opened, worsened], kind: violation, customer: acme}
    steps:
      - {id: proposal, do: propose_credit, owner: billing}
      - {id: approval, do: approve, owner: account-manager, after: proposal, within: 2h, text: "Pay it?"}
      - {id: payment, do: issue_credit, after: approval}
      - {id: told, do: ticket, after: approval, on: failed, text: "It was refused."}
"""


def violated(world) -> None:
    """A violation whose verdict is final: the day and its lateness are over."""
    world.deliver(*BAD * 8)
    assert world.case().kind == "violation"
    assert steps(world)["credit/proposal"].outcome == "waits for the final verdict"
    world.pass_time(26 * HOUR)


def test_a_credit_is_issued_once_it_is_approved_and_only_then(world):
    adopt(world, CREDIT)
    world.deliver(*BAD * 5)
    assert not steps(world)  # a degradation
    violated(world)
    assert states(world) == {
        "credit/proposal": "done",
        "credit/approval": "waiting",
        "credit/payment": "planned",
        "credit/told": "planned",
    }
    assert steps(world)["credit/proposal"].outcome == "120.00 EUR proposed"
    assert steps(world)["credit/approval"].detail["question"] == "Pay it?"
    assert say(world, "credit/approval", "approve", "as agreed") == "taken"
    assert say(world, "credit/approval", "reject", "no") == "too_late"
    world.run()
    found = steps(world)
    assert (found["credit/payment"].state, found["credit/payment"].outcome) == ("done", "120.00 EUR issued")
    assert found["credit/payment"].detail["credit"] == {"amount": "120.00", "currency": "EUR"}
    assert (found["credit/told"].state, found["credit/told"].outcome) == ("skipped", "nothing before it has failed")
    with world.transaction() as t:
        said = [e.data for e in t.events(world.case().id) if e.type == "step_approved"]
    assert [(one["by"], one["reason"]) for one in said] == [("Ada", "as agreed")]
    assert say(world, "credit/payment", "again") == "taken"
    world.run()
    with world.transaction() as t:
        paid = [a for a in t.actions(world.case().id) if a.kind == "issue_credit"]
    assert sorted(a.state for a in paid) == ["done", "skipped"], "a credit of a period is issued once"


def test_what_is_rejected_is_not_paid_and_can_be_asked_again(world):
    adopt(world, CREDIT)
    violated(world)
    say(world, "credit/approval", "reject", "not before the month ends")
    world.run()
    assert states(world)["credit/payment"] == "skipped"
    assert states(world)["credit/told"] == "done"
    assert say(world, "credit/approval", "again") == "taken"
    world.run()
    assert states(world) | {"credit/told": "done"} == {
        "credit/proposal": "done",
        "credit/approval": "waiting",
        "credit/payment": "planned",
        "credit/told": "done",
    }
    say(world, "credit/approval", "approve")
    world.run()
    assert states(world)["credit/payment"] == "done"


def test_an_approval_that_nobody_gives_in_time_has_failed(world):
    adopt(world, CREDIT)
    violated(world)
    world.pass_time(2 * HOUR)
    approval = steps(world)["credit/approval"]
    assert (approval.state, approval.outcome) == ("failed", "nobody has answered in time")
    assert approval.overdue_at is not None
    assert states(world)["credit/told"] == "done"
    assert world.event_types().count("step_overdue") == 1


def test_a_step_is_skipped_with_a_reason_or_done_by_hand(world):
    adopt(world, CREDIT)
    violated(world)
    assert say(world, "credit/approval", "done", "by telephone") == "too_late"
    assert say(world, "credit/approval", "skip", "agreed by telephone") == "taken"
    world.run()
    assert states(world)["credit/payment"] == "done"
    assert steps(world)["credit/approval"].outcome == "agreed by telephone"
    assert world.process.steps.change(DEFAULT_TENANT, "no/such/step/1", "skip", "Ada", "x") == "unknown"
    assert world.process.steps.change("another", steps(world)["credit/told"].id, "skip", "Ada", "x") == "unknown"


ESCALATE = """
playbooks:
  - id: first
    steps:
      - {id: ticket, do: ticket}
      - {id: one, do: escalate, level: 1, wait: 30m, unless: restored}
      - {id: two, do: escalate, level: 2, wait: 3h, unless: restored}
"""


def in_service_hours(world, hours: str) -> None:
    source = world.source.replace("services: [", f"service_hours: {hours}\n    services: [", 1)
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


def test_a_case_is_escalated_level_by_level_after_so_long_in_service_hours(world):
    world.clock.at = parse_instant("2026-06-01T09:30:00+02:00")  # a Monday
    in_service_hours(world, '{mon-fri: "08:00-10:00"}')
    adopt(world, ESCALATE)
    world.deliver(*BAD * 8)
    assert world.case().level == 0
    world.pass_time(22 * MINUTE)  # 10:00
    assert world.case().level == 0
    world.clock.at = parse_instant("2026-06-02T08:00:30+02:00")  # opened at 09:31: 29 minutes of 30
    world.run()
    assert world.case().level == 0
    world.pass_time(10 * MINUTE)
    assert world.case().level == 1
    assert states(world) == {"first/ticket": "done", "first/one": "done", "first/two": "requested"}
    with world.transaction() as t:
        titles = [ticket.title for ticket in t.tickets()]
        escalated = [e.data for e in t.events(world.case().id) if e.type == "escalated"]
    assert titles[0].startswith("Escalation, level 1: ")
    assert escalated == [{"level": 1, "playbook": "first"}]
    assert len(titles) == 2, "what a playbook does begins no playbook"


def test_a_case_that_is_restored_is_not_escalated(world):
    adopt(world, ESCALATE)
    world.deliver(*BAD * 8, *GOOD * 40)
    assert world.case().state == "confirming"
    first = steps(world)["first/one"]
    assert (first.state, first.outcome) == ("skipped", "the service is restored")
    assert world.case().level == 0


def test_a_ticket_is_opened_once_where_the_process_is_killed_before_that_is_recorded(world, serve, monkeypatch):
    system = serve(Tmf621)
    tickets_by_tmf621(world, system)
    adopt(world, ESCALATE)
    record = Steps.record
    killed = []

    def dies(*given):
        killed.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(Steps, "record", dies)
    with pytest.raises(KeyboardInterrupt):
        world.deliver(*BAD * 8)
    assert killed
    monkeypatch.setattr(Steps, "record", record)
    world.restart()
    world.run()
    assert states(world)["first/ticket"] == "requested", "its lease is not over"
    world.pass_time(6 * MINUTE)
    assert states(world)["first/ticket"] == "done"
    assert len(system.tickets) == 1
    assert world.event_types().count("step_done") == 1


def test_all_cases_of_a_problem_run_a_playbook_once_for_it(hit):  # noqa: F811
    adopt(
        hit,
        """
playbooks:
  - id: storm
    when: {event: [opened, worsened], cause: "rout*"}
    steps:
      - {id: ticket, do: ticket}
      - {id: note, do: update_ticket, after: ticket, text: "Seen.", state: in_progress}
  - id: other
    when: {cause: switch-2}
    steps: [{id: ticket, do: ticket}]
""",
    )
    hit.minute(*EVERY)
    hit.minute(*EVERY)
    with hit.transaction() as t:
        (problem,) = t.problems()
        (ticket,) = t.tickets()
        assert {(a.playbook, a.step): a.state for a in t.actions(problem.id)} == {
            ("storm", "ticket"): "done",
            ("storm", "note"): "done",
        }
        assert all(not t.actions(case.id) for case in t.cases())
    assert (ticket.case_id, ticket.state) == (problem.id, "in_progress")
    assert [note["text"] for note in ticket.notes] == ["Seen."]
    assert "5 services" in ticket.title


def test_a_case_that_flaps_is_bounded(world):
    adopt(
        world,
        """
playbooks:
  - id: flap
    at_most: 3
    when: {event: [restored, broke_again]}
    steps: [{id: note, do: ticket}]
""",
    )
    world.deliver(*BAD * 5)
    for _ in range(5):
        world.deliver(*GOOD * 5, *BAD * 2)
    found = steps(world)
    with world.transaction() as t:
        every = t.actions(world.case().id)
        assert len(t.tickets()) == 3
    assert [a.state for a in sorted(every, key=lambda a: a.round)] == ["done"] * 3 + ["skipped"]
    assert "more than 3 steps" in (found["flap/note"].outcome or "")


@pytest.fixture
def serve(monkeypatch):
    """Starts a system outside; it ends with the test."""
    started = []
    monkeypatch.setenv("TICKET_PASSWORD", PASSWORD)
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    def start(kind):
        started.append(kind())
        return started[-1]

    yield start
    for system in started:
        system.shutdown()
        system.server_close()


def declare(world, text: str) -> None:
    """The channels of the world from now on."""
    path = world.directory / "channels.yaml"
    path.write_text(text)
    world.settings = world.settings.model_copy(
        update={"channels": path, "allowed_callbacks": (IPv4Network("127.0.0.0/8"),)}
    )
    world.restart()


def tickets_by_tmf621(world, system) -> None:
    signed_in = "username: upheld, password: '${TICKET_PASSWORD}'"
    declare(world, f"channels: [{{id: tickets, kind: tmf621, url: {system.url}, {signed_in}}}]")


def test_all_goes_out_in_its_order_and_once_when_a_ticket_system_was_away_for_six_hours(world, serve):
    system = serve(Tmf621)
    tickets_by_tmf621(world, system)
    system.mode = "down"
    adopt(
        world,
        """
playbooks:
  - {id: a, steps: [{id: ticket, do: ticket}]}
  - {id: b, when: {event: worsened}, steps: [{id: note, do: update_ticket}]}
  - {id: c, when: {event: restored}, steps: [{id: note, do: update_ticket, state: resolved}]}
""",
    )
    world.deliver(*BAD * 8, *GOOD * 5)
    for _ in range(6):
        world.deliver(*BAD * 5, service="vpn-0043")
        world.pass_time(55 * MINUTE)
    assert not system.tickets
    with world.transaction() as t:
        wanted = [a for case in t.cases() for a in t.actions(case.id)]
    assert len(wanted) >= 4
    system.mode = "works"
    system.seen.clear()
    for _ in range(60):
        world.pass_time(MINUTE)
    in_order = [a.kind for a in sorted(wanted, key=lambda a: (a.requested_at, a.id))]
    changes = [{"POST": "ticket", "PATCH": "update_ticket"}[method] for method, _ in system.seen if method != "GET"]
    assert changes == in_order, "each once, in its order"
    opened = [t.key for t in system.tickets]
    assert opened == [f"default/{a.id}" for a in sorted(wanted, key=lambda a: a.requested_at) if a.kind == "ticket"]
    with world.transaction() as t:
        assert {a.state for case in t.cases() for a in t.actions(case.id)} == {"done"}


def test_a_webhook_is_called_and_its_answer_waited_for(world, serve):
    automation = serve(Automation)
    declare(world, f"channels: [{{id: repair, kind: webhook, url: {automation.url}, secret: '${{HOOK_SECRET}}'}}]")
    adopt(
        world,
        """
playbooks:
  - id: repair
    steps:
      - {id: call, do: webhook, to: repair, within: 10m}
      - {id: credit, do: propose_credit, after: call}
""",
    )
    world.deliver(*BAD * 5)
    ((key, payload),) = automation.calls.items()
    assert key == f"default/{world.case().id}/repair/call/1"
    assert payload["answer"].startswith("https://assurance.carrier.example/decide/")
    assert payload["externalId"] == world.case().id
    call = steps(world)["repair/call"]
    assert call.due_by is not None
    assert payload["due_by"] == format_instant(call.due_by)
    assert (call.state, call.reference, call.outcome) == ("waiting", "job-7", "begun")
    question = world.application.links.read_step(payload["answer"].rsplit("/", 1)[1])
    assert question.action == call.id
    assert say(world, "repair/call", "done", "the line was switched") == "taken"
    world.pass_time(26 * HOUR)
    assert steps(world)["repair/credit"].outcome == "120.00 EUR proposed"
    assert say(world, "repair/call", "fail", "too late") == "too_late"


def test_people_are_paged_and_asked_by_a_link(world, serve, monkeypatch):
    outside = serve(Automation)
    monkeypatch.setenv("ON_CALL", f"json://127.0.0.1:{outside.server_port}/")
    declare(world, "channels: [{id: night, kind: apprise, destination: '${ON_CALL}'}]")
    adopt(
        world,
        """
playbooks:
  - id: wake
    steps:
      - {id: call, do: page, to: night, text: "Wake up."}
      - {id: ask, do: approve, to: night, after: call, text: "Switch over?"}
""",
    )
    world.deliver(*BAD * 5)
    paged, asked = outside.calls.values()
    assert paged["title"].startswith("SLA degradation: vpn-0042")
    assert paged["message"].startswith("Wake up.")
    assert asked["title"] == "Switch over?"
    assert "https://assurance.carrier.example/decide/" in asked["message"]
    assert states(world) == {"wake/call": "done", "wake/ask": "waiting"}


def test_a_page_that_is_not_taken_is_tried_again(world, serve, monkeypatch):
    outside = serve(Automation)
    outside.mode = "down"
    monkeypatch.setenv("ON_CALL", f"json://127.0.0.1:{outside.server_port}/")
    declare(world, "channels: [{id: night, kind: apprise, destination: '${ON_CALL}'}]")
    adopt(world, "playbooks: [{id: wake, steps: [{id: call, do: page, to: night}]}]")
    world.deliver(*BAD * 5)
    assert steps(world)["wake/call"].error == "channel night did not take the page"
    outside.mode = "works"
    world.pass_time(2 * MINUTE)
    assert states(world) == {"wake/call": "done"}


class Killed(BaseException):
    """The process is gone, and nothing of it goes on."""


def test_a_page_that_was_cut_off_is_sent_once_more_and_says_so(world, serve, monkeypatch):
    outside = serve(Automation)
    monkeypatch.setenv("ON_CALL", f"json://127.0.0.1:{outside.server_port}/")
    declare(world, "channels: [{id: night, kind: apprise, destination: '${ON_CALL}'}]")
    adopt(world, "playbooks: [{id: wake, steps: [{id: call, do: page, to: night}]}]")
    page, titles, kills = ApprisePager.page, [], [1, 2, 3]

    def cut_off(pager: ApprisePager, title: str, body: str) -> None:
        page(pager, title, body)
        titles.append(title)
        if len(titles) in kills:
            raise Killed

    def killed_at(act) -> None:
        with pytest.raises(Killed):
            act()
        world.restart()

    monkeypatch.setattr(ApprisePager, "page", cut_off)
    killed_at(lambda: world.deliver(*BAD * 5))
    assert (steps(world)["wake/call"].state, len(titles)) == ("requested", 1)
    world.run()
    assert len(titles) == 1  # its lease runs
    kills.remove(2)
    world.pass_time(6 * MINUTE)
    assert titles == [titles[0], f"Perhaps again: {titles[0]}"]
    call = steps(world)["wake/call"]
    assert (call.state, call.outcome) == ("done", "told night; an earlier try was cut off and may have reached it too")

    assert say(world, "wake/call", "again") == "taken"  # a further one, which kills the server each time
    kills.append(4)
    killed_at(world.run)
    killed_at(lambda: world.pass_time(6 * MINUTE))
    world.pass_time(6 * MINUTE)
    assert len(titles) == 4
    with world.transaction() as t:
        again = next(action for action in t.actions(world.case().id) if action.round == 2)
    assert (again.state, again.error) == ("failed", "2 tries were cut off, and may have reached night")


def test_a_channel_is_closed_to_tenants_that_may_not_use_it(world, serve):
    automation = serve(Automation)
    secret = "secret: '${HOOK_SECRET}', tenants: [another]"
    declare(world, f"channels: [{{id: repair, kind: webhook, url: {automation.url}, {secret}}}]")
    adopt(world, "playbooks: [{id: a, steps: [{id: call, do: webhook, to: repair}]}]")
    world.deliver(*BAD * 5)
    assert (steps(world)["a/call"].state, automation.calls) == ("failed", {})
    assert steps(world)["a/call"].error == "no channel repair is declared"


def test_retries_end_where_the_playbook_says(world, serve):
    system = serve(Tmf621)
    tickets_by_tmf621(world, system)
    system.mode = "down"
    adopt(world, "playbooks: [{id: a, steps: [{id: ticket, do: ticket, retries: 2}]}]")
    world.deliver(*BAD * 5)
    for _ in range(10):
        world.pass_time(MINUTE)
    ticket = steps(world)["a/ticket"]
    assert (ticket.state, ticket.attempts, ticket.error) == ("failed", 3, "the ticket system answered 503")
    assert say(world, "a/ticket", "again") == "taken"
    system.mode = "works"
    world.run()
    assert [t.key for t in system.tickets] == [f"default/{ticket.id}"]
    assert steps(world)["a/ticket"].reference == "TT-1"


def test_conditions_over_the_case(world):
    world.deliver(*BAD * 5)
    with world.transaction() as t:
        case, events = t.case(world.case().id), t.events(world.case().id)
        document = json.loads(json.dumps({**record_document(case), "events": [record_document(e) for e in events]}))
    portfolio = parse_portfolio(world.source, "portfolio.yaml")
    start, recorded = case_of(document, "case.json")

    for field, wrong in (
        ("verdict", {name: value for name, value in document.items() if name != "verdict"}),
        ("events.0.data.verdict.status", {**document, "events": [{**document["events"][0], "data": {"verdict": {}}}]}),
    ):
        with pytest.raises(InputError, match=f"case.json: {field}: is missing"):
            case_of(wrong, "case.json")

    def why(when: str) -> tuple[str, ...]:
        playbooks = parse_playbooks(f"playbooks: [{{id: a, when: {when}, steps: [{{id: t, do: ticket}}]}}]", "p")
        ((_, failed),) = unmet(playbooks, start, recorded, portfolio.agreements[0], None)
        return failed

    assert why("{kind: violation, customer: acme, tier: gold}") == ("kind", "tier")
    assert why("{event: escalated}") == ("event",)
    assert why("{customer: acme}") == ()

    def begins(when: str, tier: str | None = None) -> bool:
        playbooks = parse_playbooks(f"playbooks: [{{id: a, when: {when}, steps: [{{id: t, do: ticket}}]}}]", "p")
        return bool(rehearse(playbooks, start, recorded, portfolio.agreements[0], tier))

    spent = Fraction(case.verdict["spent"]) / Fraction(case.verdict["budget"])
    assert 0 < spent < 1
    assert begins("{kind: degradation, severity: minor, customer: [acme, bell], service: 'vpn-*'}")
    assert not begins("{kind: violation}")
    assert not begins("{severity: [major, critical]}")
    assert not begins("{customer: bell}")
    assert not begins("{service: 'line-*'}")
    assert begins("{tier: gold}", "gold")
    assert not begins("{tier: gold}")
    assert begins("{budget_left: '< 50 %'}")
    assert not begins("{budget_left: '< 25 %'}")
    assert not begins("{level: 1}")
    assert not begins("{cause: switch-1}")
    assert begins('{time_of_day: {mon: "00:00-01:00"}}')  # in Berlin
    assert not begins('{time_of_day: {mon: "22:00-23:00"}}')
    assert not begins("{event: closed}")


def test_an_ended_case_is_not_escalated_but_its_ticket_can_be_closed(world):
    adopt(
        world,
        """
playbooks:
  - {id: a, steps: [{id: ticket, do: ticket}, {id: later, do: escalate, wait: 30d, unless: ended}]}
  - {id: z, when: {event: closed}, steps: [{id: close, do: update_ticket, state: closed, text: "Closed."}]}
""",
    )
    world.deliver(*BAD * 8, *GOOD * 5)
    world.process.cases.command(DEFAULT_TENANT, world.case().id, CloseUnanswered(1))
    world.run()
    assert world.case().state == "closed"
    with world.transaction() as t:
        assert [(ticket.state, len(ticket.notes)) for ticket in t.tickets()] == [("closed", 1)]
    world.pass_time(31 * 24 * HOUR)
    assert steps(world)["a/later"].outcome == "the case is closed"


def test_a_case_that_ends_closes_each_of_its_tickets_once(world):
    adopt(
        world,
        """
playbooks:
  - {id: a, steps: [{id: ticket, do: ticket}]}
  - {id: b, when: {event: worsened}, steps: [{id: ticket, do: ticket}]}
  - {id: z, when: {event: closed}, steps: [{id: close, do: update_ticket, state: closed, text: "Closed."}]}
""",
    )
    world.deliver(*BAD * 8, *GOOD * 5)
    world.process.cases.command(DEFAULT_TENANT, world.case().id, CloseUnanswered(1))
    world.run()
    with world.transaction() as t:
        told = [(ticket.state, [note["text"] for note in ticket.notes]) for ticket in t.tickets()]
    assert told == [("closed", ["Closed."])] * 2


def test_with_a_case_the_ticket_of_its_escalation_is_closed_too(world):
    world.deliver(*BAD * 8, *GOOD * 5)
    world.process.cases.answer(DEFAULT_TENANT, world.case().id, 1, "customer.noc/0", False, "still slow")
    world.run()
    world.process.cases.ask_again(DEFAULT_TENANT, world.case().id, "ada")
    world.run()
    with world.transaction() as t:
        assert [ticket.state for ticket in t.tickets()] == ["open", "open"]
    world.process.cases.answer(DEFAULT_TENANT, world.case().id, 2, "customer.noc/0", True, "")
    world.run()
    with world.transaction() as t:
        assert [(ticket.state, len(ticket.notes)) for ticket in t.tickets()] == [("closed", 1), ("closed", 1)]


@pytest.mark.parametrize(
    ("state", "coming", "found"),
    [
        ("closed", {"state": "requested", "plan": {"due_at": 5}}, ([], True)),
        ("closed", {"state": "requested", "plan": {"due_at": 6}}, (["T-1"], False)),  # it waits for something else
        ("closed", {"state": "planned"}, (["T-1"], False)),
        ("closed", {"state": "done", "reference": "T-2"}, (["T-1", "T-2"], False)),
        ("closed", {"state": "done", "reference": "T-2", "channel": "pager"}, (["T-1"], False)),
        (None, {"state": "requested", "plan": {"due_at": 5}}, (["T-1"], False)),
    ],
    ids=["about-to-open", "later", "planned", "opened", "elsewhere", "mere-words"],
)
def test_what_closes_tickets_waits_for_the_one_that_is_about_to_be_opened(state, coming, found):
    ticket = Action("C/a/t/1", "C", "ticket", "done", 1, channel="tickets", reference="T-1")
    other = replace(ticket, id="C/b/e/1", kind="escalate", requested_at=2, reference=None)
    step = Action("C/z/c/1", "C", "update_ticket", "requested", 3, {"note": "", "state": state}, channel="tickets")
    assert written_to(step, [ticket, replace(other, **coming)], 5) == found
