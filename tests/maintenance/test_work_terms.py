"""Terms of planned work: lead times in working days, windows a month, and emergencies."""

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import MaintenanceNotice, Notices
from upheld.agreements.units import DAY, HOUR, to_microseconds
from upheld.maintenance.earning import Told, earned
from upheld.maintenance.model import Announcement
from upheld.notices.examples import AGREEMENT, work

NOC = "noc@acme.example"


def berlin(text: str) -> int:
    return to_microseconds(datetime.fromisoformat(text).replace(tzinfo=AGREEMENT.time_zone))


def terms(**changes: Any) -> MaintenanceNotice:
    return MaintenanceNotice.model_validate({"lead_time": "3d", "to": ["customer.noc"], **changes})


def decide(promise: MaintenanceNotice, sent_at: int, *taken: int, **changes: Any) -> Announcement:
    agreement: Agreement = AGREEMENT.model_copy(update={"notices": Notices(maintenance=promise)})
    planned = work(**changes)
    told = Told("customer.noc", NOC, planned.spans, frozenset(planned.services), sent_at)
    return earned(planned, agreement, planned.services, {"customer.noc": [NOC]}, [told], sent_at, taken)


@pytest.mark.parametrize(
    ("start", "region", "latest"),
    [
        ("2026-06-11T22:00", "DE", "2026-06-08T22:00"),  # Thursday: Wednesday, Tuesday, Monday
        ("2026-06-09T22:00", "DE", "2026-06-04T22:00"),  # over a weekend
        ("2026-06-09T22:00", "DE-BW", "2026-06-03T22:00"),  # and Corpus Christi, a Thursday
        ("2026-04-08T22:00", "DE", "2026-04-01T22:00"),  # over Easter, from Good Friday to Monday
        ("2026-04-08T22:00", "no holidays", "2026-04-03T22:00"),
        ("2026-06-13T02:00", "DE", "2026-06-10T02:00"),  # the small hours of a Saturday
        ("2026-03-31T22:00", "DE", "2026-03-26T22:00"),  # over the clock change: the same time of day
    ],
)
def test_a_lead_time_in_working_days_is_counted_by_the_calendar_of_the_agreements_zone(
    start: str, region: str, latest: str
) -> None:
    begins = berlin(start)
    promise = terms(working_days=region)
    assert promise.latest(begins, AGREEMENT.time_zone) == berlin(latest)
    window = {"start": begins, "end": begins + HOUR}
    assert decide(promise, berlin(latest), **window).earned
    late = decide(promise, berlin(latest) + 1, **window)
    assert not late.earned
    assert late.reason.endswith("before the start; the agreement wants 3 working days")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"working_days": "XX"}, "is not a country such as DE or a subdivision such as DE-BY"),
        ({"working_days": "DE", "lead_time": "36h"}, "working days are whole days"),
        ({"per_month": -1}, "greater than or equal to 0"),
        ({"emergency": {"lead_time": "4h", "reminder": "1h"}}, "Extra inputs"),
    ],
)
def test_terms_that_cannot_be_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        terms(**wrong)


def test_what_comes_on_top_of_the_windows_of_a_month_is_not_earned() -> None:
    sent_at = work().start - 10 * DAY
    promise = terms(per_month=2)
    assert decide(promise, sent_at, work().start - DAY).earned
    over = decide(promise, sent_at, work().start - DAY, work().start - 2 * DAY)
    assert (over.earned, over.parts) == (False, ())
    assert over.reason == "the agreement allows 2 windows a month, and others have taken them"
    assert decide(promise, sent_at, work().start - 31 * DAY, work().start - 32 * DAY).earned


def test_of_several_windows_of_a_work_the_first_ones_take_the_quota_of_their_month() -> None:
    nights = tuple((work().start + n * DAY, work().start + n * DAY + HOUR) for n in range(3))
    assert {window[0] for window in nights} < set(range(berlin("2026-06-01T00:00"), berlin("2026-07-01T00:00"), HOUR))
    decision = decide(terms(per_month=2), nights[0][0] - 10 * DAY, start=nights[0][0], end=nights[2][1], windows=nights)
    assert decision.parts == tuple((service, *night) for service in work().services for night in nights[:2])
    assert decision.reason.endswith("the agreement allows 2 windows a month, and others have taken them")


def test_the_month_is_one_of_the_agreements_zone() -> None:
    begins = berlin("2026-07-01T00:30")  # in UTC it is June still
    window = {"start": begins, "end": begins + HOUR}
    assert decide(terms(per_month=1), begins - 10 * DAY, berlin("2026-06-30T22:00"), **window).earned
    assert not decide(terms(per_month=1), begins - 10 * DAY, berlin("2026-07-20T22:00"), **window).earned


def test_emergency_work_has_its_own_terms_where_there_are_some() -> None:
    promise = terms(per_month=0, emergency={"lead_time": "4h", "per_month": 1})
    sent_at = work().start - 5 * HOUR
    assert not decide(promise, sent_at).earned
    assert decide(promise, sent_at, emergency=True).earned
    assert not decide(promise, work().start - 3 * HOUR, emergency=True).earned
    assert not decide(terms(), sent_at, emergency=True).earned
    assert promise.terms_for(True).to == ("customer.noc",)
    assert promise.terms_for(False) is promise
