"""Both models of `duration` agree on random commitments and events, pulse by pulse, whatever the order of knowledge."""

from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from laws.worlds import laws
from upheld.agreements.model import Agreement
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.assessment.durations import DurationAccount, EventSeries
from upheld.assessment.reference_durations import assess_durations
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion

START = parse_instant("2026-03-27T00:00:00Z")  # the clocks of Berlin change two days later


@st.composite
def agreements(draw):
    elapsed = draw(st.sampled_from([None, "50 %", "75 %", "100 %"]))
    soft = draw(st.sampled_from([None, "99 %"]))
    spent = draw(st.sampled_from([None, "50 %"]))
    target = draw(st.sampled_from(["100 %", "95 %", "50 %"]))
    soft = None if target == "100 %" else soft
    warning = {k: v for k, v in {"elapsed": elapsed, "target": soft, "budget_spent": spent}.items() if v}
    limits = draw(
        st.sampled_from([{"limit": "90m"}, {"limit": "5h"}, {"limits": {"P1": "1h", "P2": "9h"}}, {"by_due": True}])
    )
    periods = [{"calendar": "day"}, {"calendar": "month"}, {"rolling": "36h"}]
    period = draw(st.sampled_from(periods))
    credits = [{"below": "90 %", "share": "10 %"}] if "calendar" in period and draw(st.booleans()) else []
    return Agreement.model_validate(
        {
            "id": "a",
            "customer": "c",
            "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin"])),
            "valid": {"from": "2026-03-27", **draw(st.sampled_from([{}, {"to": "2026-03-31T11:30:00Z"}]))},
            "service_hours": draw(st.sampled_from(["always", {"mon-fri": "08:00-18:00"}, {"sun": "01:00-04:00"}])),
            "services": ["s"],
            "exclusions": ["customer_cause"],
            "objectives": [
                {
                    "id": "restore",
                    "indicator": {
                        "kind": "duration",
                        "metric": "fault",
                        "hours": draw(st.sampled_from(["service", "always"])),
                        **limits,
                    },
                    "period": period,
                    "target": target,
                    "warning": warning or None,
                    "credits": credits,
                }
            ],
        }
    )


minutes = st.integers(0, 6 * 24 * 4).map(lambda quarter: START + quarter * 15 * MINUTE)


@st.composite
def events(draw):
    opened = draw(minutes)
    closed = draw(st.one_of(st.none(), st.integers(0, 40).map(lambda n: opened + n * 15 * MINUTE)))
    return ServiceEvent(
        service="s",
        metric="fault",
        opened=opened,
        closed=closed,
        priority=draw(st.sampled_from([None, "P1", "P2", "P3"])),
        due=draw(st.one_of(st.none(), st.integers(-2, 30).map(lambda n: opened + n * 15 * MINUTE))),
        event=draw(st.sampled_from([None, "1", "2", "3", "4"])),
        known_at=draw(st.integers(0, 2)),
    )


exclusions = st.builds(
    lambda start, length, approved: Exclusion("s", start, start + length * MINUTE, "customer_cause", approved),
    minutes,
    st.integers(1, 600),
    st.sampled_from(["noc", "noc", None]),
)


@laws()
@given(agreements(), st.lists(events(), max_size=8), st.lists(exclusions, max_size=3), st.lists(minutes, min_size=1))
def test_the_account_ends_where_the_reference_does_at_every_pulse(agreement, told, excluded, pulses):
    (term,) = compile_terms([agreement])
    series = EventSeries()
    account = DurationAccount(term, [series], START, HOUR)
    now = START
    for number, as_of in enumerate(sorted(pulses)):
        known = told if number == len(pulses) - 1 else told[: number + 1]
        now = max(now, as_of) + 1
        touched = series.events != known
        series.events = list(known)
        if touched or now >= account.wake_at or account.exclusions != frozenset(excluded):
            account.update(now, None, frozenset(excluded))
        expected = assess_durations(term, known, excluded, START, now, HOUR)
        assert [d.verdict for d in account.drafts.values()] == [v for v, _ in expected]
        assert [d.earned for d in account.drafts.values()] == [e for _, e in expected]


@laws()
@given(agreements(), st.permutations(range(6)), st.lists(events(), min_size=6, max_size=6), minutes)
def test_the_order_and_repetition_of_knowledge_change_nothing(agreement, order, told, as_of):
    (term,) = compile_terms([agreement])
    found = assess_durations(term, told, [], START, as_of + DAY, 0)
    again = assess_durations(term, [told[i] for i in order] + told[:3], [], START, as_of + DAY, 0)
    assert again == found


def _verdict(indicator, told, as_of, hours="always", target="100 %", **more):
    agreement = Agreement.model_validate(
        {
            "id": "a",
            "customer": "c",
            "time_zone": "Europe/Berlin",
            "valid": {"from": "2026-01-01"},
            "service_hours": hours,
            "services": ["s"],
            "objectives": [
                {
                    "id": "restore",
                    "indicator": {"kind": "duration", "metric": "fault", **indicator},
                    "period": {"calendar": "month"},
                    "target": target,
                    **more,
                }
            ],
        }
    )
    (term,) = compile_terms([agreement])
    found = assess_durations(term, told, [], parse_instant("2026-05-01T12:00:00Z"), parse_instant(as_of), 0)
    return found[-1][0] if as_of < "2026-05-31T22" else found[0][0]


def _event(opened, closed=None, priority=None):
    return ServiceEvent("s", "fault", parse_instant(opened), closed and parse_instant(closed), priority, event="T1")


class TestByHand:
    """Clocks that a person can follow: 4 h in service hours, Monday to Friday, 8 to 18 h in Berlin (UTC+2 in May)."""

    hours: ClassVar = {"mon-fri": "08:00-18:00"}
    friday = "2026-05-08T14:00:00Z"  # 16:00 in Berlin: two hours are left of the day, the clock goes on on Monday

    def test_the_clock_stands_still_over_the_weekend(self):
        # 2 h on Friday and 2 h on Monday from 08:00: the limit passes on Monday at 10:00 in Berlin, 08:00 UTC
        at_limit = _verdict(
            {"limit": "4h"}, [_event(self.friday, "2026-05-11T08:00:00Z")], "2026-05-12T00:00:00Z", self.hours
        )
        assert (at_limit.status, at_limit.good, at_limit.bad) == ("met", 1, 0)
        late = _verdict(
            {"limit": "4h"}, [_event(self.friday, "2026-05-11T08:01:00Z")], "2026-05-12T00:00:00Z", self.hours
        )
        assert (late.status, late.good, late.bad) == ("violated", 0, 1)
        assert late.violated_at == parse_instant("2026-05-11T08:00:00Z")
        bad = [e for e in late.evidence if e.kind == "bad"]
        assert [e.reason for e in bad] == ["fault T1: closed too late, not within 4h of service time"]

    def test_an_open_event_past_its_limit_is_already_bad(self):
        told = [_event("2026-05-06T10:00:00Z")]
        running = _verdict({"limit": "4h"}, told, "2026-05-06T14:00:00Z")
        assert (running.status, running.good, running.bad, running.attained) == ("met", 0, 0, None)
        assert [(e.kind, e.end) for e in running.evidence] == [("running", parse_instant("2026-05-06T14:00:00Z"))]
        late = _verdict({"limit": "4h"}, told, "2026-05-06T14:00:01Z")
        assert (late.status, late.bad, late.attained) == ("violated", 1, "0")

    def test_an_event_near_its_limit_puts_the_promise_at_risk(self):
        told = [_event("2026-05-06T10:00:00Z")]
        warning = {"warning": {"elapsed": "75 %"}}
        before = _verdict({"limit": "4h"}, told, "2026-05-06T12:59:59Z", **warning)
        near = _verdict({"limit": "4h"}, told, "2026-05-06T13:00:00Z", **warning)
        assert (before.status, near.status, near.at_risk_at) == (
            "met",
            "at_risk",
            parse_instant("2026-05-06T13:00:00Z"),
        )
        closed = [_event("2026-05-06T10:00:00Z", "2026-05-06T13:30:00Z")]
        assert _verdict({"limit": "4h"}, closed, "2026-05-06T14:00:00Z", **warning).status == "met"

    def test_below_100_percent_it_can_recover_until_the_month_ends(self):
        told = [_event(f"2026-05-{day:02}T10:00:00Z", f"2026-05-{day:02}T11:00:00Z") for day in range(2, 20)]
        told = [ServiceEvent(**{f: getattr(e, f) for f in e.__slots__} | {"event": str(i)}) for i, e in enumerate(told)]
        late = _event("2026-05-03T10:00:00Z", "2026-05-03T20:00:00Z")
        # 1 of 19 events is 94.7 % in time: 90 % is met, 95 % is missed, yet not violated before the month ends
        assert _verdict({"limit": "4h"}, [*told, late], "2026-06-02T00:00:00Z", target="90 %").status == "met"
        during = _verdict({"limit": "4h"}, [*told, late], "2026-05-21T00:00:00Z", target="95 %")
        assert (during.status, during.violated_at) == ("at_risk", None)
        after = _verdict({"limit": "4h"}, [*told, late], "2026-06-02T00:00:00Z", target="95 %")
        assert (after.status, after.violated_at) == ("violated", parse_instant("2026-05-31T22:00:00Z"))
        assert after.attained == "0.947368421052"

    def test_priorities_without_a_limit_are_no_part_of_the_promise(self):
        told = [_event("2026-05-06T10:00:00Z", "2026-05-09T10:00:00Z", "P4")]
        verdict = _verdict({"limits": {"P1": "4h"}}, told, "2026-05-12T00:00:00Z")
        assert (verdict.status, verdict.good, verdict.bad) == ("met", 0, 0)
