"""Each stage that stops a notice says which it was and why; the others let it pass."""

from dataclasses import replace
from typing import Any

import pytest

from upheld.agreements.units import DAY, HOUR, SECOND, format_instant
from upheld.cases.model import Case
from upheld.notices.examples import AGREEMENT, CUSTOMER, PROVIDER, case, instant, link, work
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import plan_case_notices, plan_maintenance_notices
from upheld.notices.stages import MAX_ATTEMPTS, next_attempt, stop_reason

AT = instant("2026-06-01T22:45:00Z")
ASKED = case(state="confirming", asked=1, restored_at=AT)


def notice(kind: NoticeKind, about: Case | None = None) -> Notice:
    return plan_case_notices(
        kind, about or case(), AGREEMENT, CUSTOMER, PROVIDER, AT, due_by=None, occasion="x", links=link
    )[0]


def announcement(kind: NoticeKind, **changes: Any) -> Notice:
    return plan_maintenance_notices(
        kind, work(**changes), AGREEMENT, CUSTOMER, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion="x"
    )[0]


@pytest.mark.parametrize(
    ("kind", "planned_for", "now_is"),
    [
        ("violation", case(), case()),
        ("violation", case(), case(state="confirming", restored_at=AT)),  # late, but it was promised
        ("violation", case(), case(state="closed", closed_at=AT, outcome="unanswered")),
        ("degradation", case(kind="degradation"), case(kind="degradation", state="restored")),
        ("restoration", case(restored_at=AT), ASKED),
        ("restoration", case(restored_at=AT), case(state="closed", restored_at=AT)),
        ("question", ASKED, ASKED),
        ("reminder", ASKED, ASKED),
        ("reopened", case(), case(state="acting")),
        ("closed", case(), case(state="closed")),
        ("withdrawn", case(), case(state="withdrawn")),
    ],
)
def test_a_notice_that_still_holds_passes(kind: NoticeKind, planned_for: Case, now_is: Case) -> None:
    assert stop_reason(notice(kind, planned_for), now_is, None, AT) is None


@pytest.mark.parametrize(
    ("kind", "planned_for", "now_is", "reason"),
    [
        ("question", ASKED, replace(ASKED, state="closed"), "the case is closed"),
        ("reminder", ASKED, replace(ASKED, state="withdrawn"), "the case is withdrawn"),
        ("reminder", ASKED, replace(ASKED, state="acting"), "nothing is asked of a case that is acting"),
        ("question", ASKED, replace(ASKED, asked=2), "a later round of the question was asked"),
        ("degradation", case(kind="degradation"), case(), "the case has become a violation, which is told instead"),
        ("degradation", case(kind="degradation"), case(kind="degradation", state="closed"), "the case is closed"),
        ("violation", case(), case(state="withdrawn"), "the case was withdrawn"),
        ("restoration", case(restored_at=AT), case(state="withdrawn", restored_at=AT), "the case was withdrawn"),
        (
            "restoration",
            case(restored_at=AT),
            case(state="acting", restored_at=None),
            "the service is not good any more, or not by the customer's word",
        ),
        (
            "restoration",
            case(restored_at=AT),
            case(state="confirming", asked=2, restored_at=AT + HOUR),
            "the service has been bad again since, and that it is good again is told anew",
        ),
        ("reopened", case(), case(state="closed"), "the case is closed"),
        ("closed", case(), case(state="acting"), "the case is not closed any more"),
        ("withdrawn", case(), case(state="acting"), "the case is not withdrawn any more"),
    ],
)
def test_a_notice_past_its_point_is_stopped(kind: NoticeKind, planned_for: Case, now_is: Case, reason: str) -> None:
    assert stop_reason(notice(kind, planned_for), now_is, None, AT) == f"past its point: {reason}"


def test_a_notice_of_an_unknown_case_is_stopped() -> None:
    assert stop_reason(notice("violation"), None, None, AT) == "past its point: its case is not known"


def test_a_notice_that_was_sent_is_a_duplicate() -> None:
    sent = replace(notice("violation"), state="sent", sent_at=AT)
    assert stop_reason(sent, case(), None, AT) == "duplicate: sent already at 2026-06-01 22:45 UTC"


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_notice_that_has_ended_is_not_taken_up_again(state: Any) -> None:
    assert stop_reason(replace(notice("violation"), state=state), case(), None, AT) == f"duplicate: {state} already"


def test_a_notice_to_nobody_is_stopped() -> None:
    nobody = replace(notice("violation"), channel="none", address="")
    assert stop_reason(nobody, case(), None, AT) == "no contact: customer.noc has no contact"


@pytest.mark.parametrize(
    ("kind", "now_is", "now", "reason"),
    [
        ("maintenance", work(state="cancelled", sequence=1), AT, "the work was cancelled"),
        ("maintenance_reminder", work(state="cancelled", sequence=1), AT, "the work was cancelled"),
        ("maintenance", work(), work().end, "the window is over"),
        ("maintenance_reminder", work(), work().start, "the work has begun"),
        ("maintenance_cancelled", work(sequence=1), AT, "the work was planned anew, which is announced instead"),
        ("maintenance_cancelled", work(state="cancelled"), work().end, "the window is over"),
        ("maintenance", work(sequence=1), AT, "the work was planned anew, which is announced instead"),
        ("maintenance", None, AT, "its work is not known"),
    ],
)
def test_a_maintenance_notice_past_its_point_is_stopped(kind: NoticeKind, now_is: Any, now: int, reason: str) -> None:
    assert stop_reason(announcement(kind), None, now_is, now) == f"past its point: {reason}"


@pytest.mark.parametrize("begun", [False, True])
def test_a_reminder_is_sent_until_its_own_window_begins(begun: bool) -> None:
    nights = work(windows=((work().start, work().end), (work().start + DAY, work().end + DAY)), end=work().end + DAY)
    second = nights.spans[1]
    said = announcement("maintenance_reminder")
    assert said.payload is not None
    of_it = {**said.payload["data"], "window": {"start": format_instant(second[0]), "end": format_instant(second[1])}}
    reminder = replace(said, payload={**said.payload, "data": of_it})
    reason = stop_reason(reminder, None, nights, second[0] - 1 + begun)
    assert reason == ("past its point: the window has begun" if begun else None)
    over = replace(nights, ended_at=work().end)
    assert stop_reason(reminder, None, over, second[0] - 1) == "past its point: the work is over"


@pytest.mark.parametrize(
    ("kind", "now_is", "now"),
    [
        ("maintenance", work(), AT),
        ("maintenance", work(), work().end - 1),  # late, but the customer had better know
        ("maintenance_reminder", work(), work().start - 1),
        ("maintenance_cancelled", work(state="cancelled", sequence=1), AT),
    ],
)
def test_a_maintenance_notice_that_still_holds_passes(kind: NoticeKind, now_is: Any, now: int) -> None:
    assert stop_reason(announcement(kind), None, now_is, now) is None


def test_attempts_come_ever_later_and_end() -> None:
    delays = [next_attempt(n, AT) for n in range(1, MAX_ATTEMPTS + 1)]
    assert delays[:3] == [AT + 30 * SECOND, AT + 60 * SECOND, AT + 120 * SECOND]
    assert delays[-2] == AT + HOUR
    assert delays[-1] is None
    waits = [d - AT for d in delays if d is not None]
    assert waits == sorted(waits)
    assert HOUR * 6 < sum(waits) < DAY


def test_no_failed_attempt_counts_as_a_first_one() -> None:
    assert next_attempt(0, AT) == next_attempt(1, AT)
