"""What a customer says against the window of a planned work: kept, told to the provider, and answered."""

from dataclasses import replace

import pytest

from process.test_changed_works import change
from process.test_maintenance import BETA, WITH_BETA, adopt, notices, plan
from upheld.agreements.units import DAY, HOUR, MINUTE, to_datetime
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.objection import Objection, Objections
from upheld.notices.links import WorkQuestion
from upheld.notices.model import Notice
from upheld.notices.objections import GATHER
from upheld.process.works.objecting import Refused


def announcement(world, kind: str = "maintenance", to: str = "noc@acme.example") -> Notice:
    with world.transaction() as t:
        return next(n for n in t.notices(maintenance_id="work-1") if (n.kind, n.address) == (kind, to))


def object_(world, wish=None, reason: str = "stocktaking", to: str = "noc@acme.example", kind: str = "maintenance"):
    notice = announcement(world, kind, to)
    return world.process.works.object_to(DEFAULT_TENANT, notice.id, wish, reason)


def standing(world, kind: str = "maintenance") -> str:
    return world.process.works.asked(DEFAULT_TENANT, announcement(world, kind).id).standing


def kept(world) -> list[Objection]:
    with world.transaction() as t:
        return list(t.objections("work-1"))


def answer(world, objection: Objection, window=None, words: str = "", by: str = "Ada") -> Objection:
    answered = world.process.works.answer_objection(DEFAULT_TENANT, objection.id, window, words, by)
    world.run()
    return answered


def told_others(world) -> list[str]:
    with world.transaction() as t:
        events = [e.type.removeprefix("org.upheld.maintenance.") for e in t.outgoing_events(0, 1000)]
    return [type_ for type_ in events if type_.startswith("object")]


def test_an_announcement_has_a_link_of_its_contact_in_text_html_and_webhook(world):
    plan(world, 4 * DAY)
    notice = announcement(world)
    url = notice.payload["data"]["link"]
    assert url in notice.text
    assert url in notice.html
    token = url.removeprefix("https://assurance.carrier.example/planned/")
    assert world.application.links.read_work(token) == WorkQuestion(DEFAULT_TENANT, notice.id)
    moved = change(world, plan_of(world), start=world.clock.at + 5 * DAY, end=world.clock.at + 5 * DAY + HOUR)
    assert "/planned/" in announcement(world, "maintenance_changed").text
    world.pass_time(moved.start - DAY - world.clock.at)
    assert "/planned/" not in announcement(world, "maintenance_reminder").text


def plan_of(world):
    with world.transaction() as t:
        return t.maintenance("work-1")


def test_an_objection_is_kept_once_and_told_to_the_provider_and_others(world):
    work = plan(world, 4 * DAY)
    wish = (work.start + DAY, work.end + DAY)
    said = object_(world, wish)
    assert object_(world, wish) == said
    assert kept(world) == [said]
    assert (said.customer, said.contact, said.role) == ("acme", "noc@acme.example", "customer.noc")
    assert (said.windows, said.wish, said.reason, said.state) == (work.spans, wish, "stocktaking", "open")
    assert said.answer_by == said.at + 2 * DAY
    assert notices(world, "objection") == []
    world.pass_time(GATHER)
    assert notices(world, "objection") == [("am@carrier.example", "sent")]
    text = " ".join(announcement(world, "objection", "am@carrier.example").text.split())
    assert "Acme GmbH objects to the window that we announced" in text
    assert "asks for 5 June 2026, 22:00 to 23:00 UTC. “stocktaking”" in text
    assert told_others(world) == ["objected"]
    assert standing(world) == "objected"
    world.pass_time(DAY)
    assert notices(world, "objection") == [("am@carrier.example", "sent")]


def test_objections_of_several_are_told_in_one_notice_and_later_ones_in_another(world):
    adopt(world, WITH_BETA)
    work = plan(world, 4 * DAY)
    object_(world)
    object_(world, (work.start + HOUR, work.end + HOUR), "", "noc@beta.example")
    world.pass_time(GATHER)
    (mail,) = world.mails("am@carrier.example")
    assert mail["Subject"].startswith("2 objections: planned maintenance")
    object_(world, reason="otherwise")
    world.pass_time(GATHER)
    assert notices(world, "objection") == [("am@carrier.example", "sent")] * 2
    with world.transaction() as t:
        assert t.count_objections(world.clock.at) == {"work-1": Objections(2, 2, 0)}


def test_what_is_said_otherwise_takes_the_place_of_what_was_said_and_the_clock_runs_on(world):
    work = plan(world, 4 * DAY)
    first = object_(world)
    world.pass_time(HOUR)
    second = object_(world, (work.start + DAY, work.end + DAY), "")
    assert kept(world) == [replace(second, told_at=None)]
    assert (second.id, second.at, second.answer_by) == (first.id, first.at, first.answer_by)


def test_an_answer_is_owed_before_the_work_begins_and_overdue_after_that(world):
    work = plan(world, 3 * DAY)
    world.pass_time(2 * DAY)
    said = object_(world)
    assert said.answer_by == work.start
    world.pass_time(DAY)
    assert not said.is_overdue(world.clock.at)
    world.pass_time(MINUTE)
    assert said.is_overdue(world.clock.at)
    with world.transaction() as t:
        assert t.count_objections(world.clock.at)["work-1"] == Objections(1, 1, 1)


def test_how_soon_it_is_answered_is_in_the_agreement(world):
    adopt(world, WITH_BETA.replace("lead_time: 2d, reminder", "lead_time: 2d, answer_within: 4h, reminder", 1))
    plan(world, 4 * DAY)
    assert object_(world).answer_by == world.clock.at + 4 * HOUR


def test_agreeing_moves_the_work_and_tells_everyone(world):
    adopt(world, WITH_BETA)
    work = plan(world, 4 * DAY)
    wish = (work.start + DAY, work.end + 2 * DAY)
    said = object_(world, wish)
    world.pass_time(GATHER)
    answered = answer(world, said, wish, "gladly")
    assert (answered.state, answered.agreed, answered.answered_by) == ("agreed", wish, "Ada")
    assert kept(world) == [answered]
    moved = plan_of(world)
    assert (moved.spans, moved.sequence, moved.approved_by) == ((wish,), 1, "Ada")
    everyone = [("noc@acme.example", "sent"), ("noc@beta.example", "sent")]
    assert notices(world, "maintenance_changed") == everyone
    assert notices(world, "objection_answered") == [("noc@acme.example", "sent")]
    text = " ".join(announcement(world, "objection_answered").text.split())
    assert "We agree: the work takes place 5 June 2026, 22:00 to 6 June 2026, 23:00 UTC. gladly" in text
    assert told_others(world) == ["objected", "objection_answered"]
    assert standing(world) == "agreed"
    assert standing(world, "maintenance_changed") == "open"


def test_who_asked_for_the_same_window_is_answered_too_and_the_others_lapse(world):
    gamma = BETA.replace("beta", "gamma").replace("customers:\n", "").replace("Beta", "Gamma")
    deals, _, parties = gamma.partition("\n  - id: gamma\n")
    source = WITH_BETA.replace("\ncustomers:\n", f"{deals}\ncustomers:\n  - id: gamma\n{parties}", 1)
    adopt(world, source)
    work = plan(world, 4 * DAY)
    wish = (work.start + DAY, work.end + DAY)
    said = object_(world, wish)
    object_(world, wish, "", "noc@beta.example")
    object_(world, None, "never", "noc@gamma.example")
    world.pass_time(GATHER)
    answer(world, said, wish)
    assert {one.customer: one.state for one in kept(world)} == {"acme": "agreed", "beta": "agreed", "gamma": "lapsed"}
    assert notices(world, "objection_answered") == [("noc@acme.example", "sent"), ("noc@beta.example", "sent")]


def test_declining_leaves_the_work_and_tells_why(world):
    work = plan(world, 4 * DAY)
    said = object_(world)
    answered = answer(world, said, words="the engineer is here on that night only")
    assert (answered.state, answered.agreed) == ("declined", None)
    assert plan_of(world) == work
    assert notices(world, "objection_answered") == [("noc@acme.example", "sent")]
    assert "the engineer is here on that night only" in " ".join(announcement(world, "objection_answered").text.split())
    assert notices(world, "maintenance_changed") == []
    assert standing(world) == "declined"
    with pytest.raises(Refused, match="can no longer be objected to"):
        object_(world, reason="all the same")
    with pytest.raises(Refused, match="answered: declined"):
        answer(world, said, (work.start + DAY, work.end + DAY))


def test_an_answer_that_cannot_be_changes_nothing(world):
    work = plan(world, 4 * DAY)
    said = object_(world)
    for window, words, field in (
        (None, "", "answer"),
        (work.spans[0], "", "start"),
        ((work.start, work.start), "", "end"),
        ((work.start, work.start + 32 * DAY), "", "end"),
    ):
        with pytest.raises(Refused) as refused:
            answer(world, said, window, words)
        assert refused.value.field == field
    with pytest.raises(KeyError):
        answer(world, replace(said, id="O-NONE"), words="no")
    assert kept(world) == [said]
    assert plan_of(world) == work
    assert told_others(world) == ["objected"]


@pytest.mark.parametrize(
    ("wish", "reason", "field"),
    [(None, "", "reason"), (None, "x" * 2001, "reason"), ((-HOUR, HOUR), "", "start"), ((0, -HOUR), "", "end")],
)
def test_an_objection_that_says_nothing_or_asks_for_what_cannot_be_is_refused(world, wish, reason, field):
    work = plan(world, 4 * DAY)
    asked = None if wish is None else (world.clock.at + wish[0], world.clock.at + wish[1])
    with pytest.raises(Refused) as refused:
        object_(world, asked, reason)
    assert refused.value.field == field
    with pytest.raises(Refused, match="the window as it is announced"):
        object_(world, work.spans[0])
    assert kept(world) == []


def test_an_announcement_that_does_not_hold_any_more_cannot_be_answered(world):
    work = plan(world, 4 * DAY)
    said = object_(world)
    change(world, work, start=work.start + DAY, end=work.end + DAY)
    assert [one.state for one in kept(world)] == ["lapsed"]
    assert (standing(world), standing(world, "maintenance_changed")) == ("changed", "open")
    with pytest.raises(Refused, match="lapsed: the work has changed"):
        answer(world, said, words="no")
    with pytest.raises(Refused, match="can no longer be objected to"):
        object_(world)
    back = change(world, replace(work, start=work.start + DAY, end=work.end + DAY), start=work.start, end=work.end)
    assert standing(world) == "open"
    object_(world)
    assert [one.state for one in kept(world)] == ["open"]
    world.process.works.cancel(DEFAULT_TENANT, back.id)
    assert standing(world) == "cancelled"
    assert [one.state for one in kept(world)] == ["lapsed"]


def test_a_title_that_is_changed_leaves_what_is_said_against_the_window(world):
    work = plan(world, 4 * DAY)
    object_(world)
    change(world, work, title="Switch exchange")
    assert (standing(world), standing(world, "maintenance_changed")) == ("objected", "objected")


def test_a_work_that_has_begun_cannot_be_objected_to(world):
    work = plan(world, 3 * DAY)
    world.pass_time(work.start - world.clock.at)
    assert standing(world) == "begun"
    with pytest.raises(Refused):
        object_(world)


def test_a_work_of_several_windows_keeps_their_distances(world):
    start = world.clock.at + 4 * DAY
    nights = ((start, start + HOUR), (start + DAY, start + DAY + HOUR))
    work = replace(plan(world, 4 * DAY), end=nights[1][1], windows=nights)
    change(world, work)
    wish = (work.start + 2 * DAY, work.end + 2 * DAY)
    answer(world, object_(world, wish, kind="maintenance_changed"), wish)
    assert plan_of(world).spans == tuple((a + 2 * DAY, b + 2 * DAY) for a, b in nights)


def test_other_windows_are_offered_that_are_good_for_the_customer(world):
    work = plan(world, 4 * DAY)
    asked = world.process.works.asked(DEFAULT_TENANT, announcement(world).id)
    offered = world.process.works.other_windows(DEFAULT_TENANT, asked)
    assert len(offered) == 5
    assert all(start >= world.clock.at + 2 * DAY and end - start == HOUR for start, end in offered)
    assert all(end <= work.start or start >= work.end for start, end in offered)
    assert {to_datetime(start).hour for start, _ in offered} <= {20, 21, 22, 23, 0, 1, 2, 3}  # a night in Berlin


def test_what_was_said_before_a_crash_is_told_after_it(world):
    plan(world, 4 * DAY)
    object_(world)
    world.restart()
    world.pass_time(GATHER)
    assert notices(world, "objection") == [("am@carrier.example", "sent")]


def test_a_contact_that_is_none_any_more_is_not_written_to(world):
    plan(world, 4 * DAY)
    said = object_(world)
    adopt(world, WITH_BETA.replace("noc@acme.example", "desk@acme.example"))
    answer(world, said, words="no")
    assert notices(world, "objection_answered") == []
