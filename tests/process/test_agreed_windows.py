"""Windows that a customer itself asked for, and that were agreed to: earned for it, whatever their lead time."""

from dataclasses import replace

from process.test_changed_works import change
from process.test_maintenance import WITH_BETA, adopt, decision, excluded, outage_in, plan
from process.test_objections import answer, object_, plan_of
from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.objection import moved
from upheld.maintenance.wording import instant_words

NOT_BY_AGREEMENT = WITH_BETA.replace("lead_time: 2d, reminder", "lead_time: 2d, by_agreement: false, reminder")


def early(world) -> tuple[int, int]:
    """A window in a day: the agreements want to be told two days before."""
    return world.clock.at + DAY, world.clock.at + DAY + HOUR


def test_a_window_that_the_customer_asked_for_itself_is_earned_for_it_and_for_nobody_else(world):
    adopt(world, WITH_BETA)
    plan(world, 4 * DAY)
    wish, asked_at = early(world), world.clock.at
    said = object_(world, wish)
    world.pass_time(HOUR)
    agreed_at = world.clock.at
    answer(world, said, wish)
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042")]
    acme, beta = decision(world), decision(world, "beta-gold")
    word = f"noc@acme.example (customer.noc), who asked for it {instant_words(asked_at)}"
    assert acme.earned
    assert acme.reason.startswith(f"by agreement with {word}, and Ada agreed {instant_words(agreed_at)}; announced ")
    assert acme.reason.endswith("before the start; the agreement wants 2 days")
    assert acme.by_agreement == ((*wish, word),)
    assert (beta.earned, beta.by_agreement) == (False, ())
    assert beta.reason.startswith("announced")
    with world.transaction() as t:
        (granted,) = t.exclusions()
    assert granted.approved_by == f"Ada (work work-1; by agreement with {word})"


def test_the_minutes_of_an_agreed_window_do_not_count(world):
    plan(world, 4 * DAY)
    wish = early(world)
    answer(world, object_(world, wish), wish)
    verdict = outage_in(world, plan_of(world))
    assert (verdict.bad, verdict.excluded) == (0, 30)  # the verdict is of half an hour after it has begun
    assert decision(world).by_agreement, "what was decided of a window that has begun keeps whose word it was"


def test_where_the_agreement_rules_it_out_lead_time_is_judged_as_of_any_change(world):
    adopt(world, NOT_BY_AGREEMENT)
    work = plan(world, 4 * DAY)
    wish = early(world)
    answer(world, object_(world, wish), wish)
    assert excluded(world) == []
    assert decision(world).reason.startswith("announced")
    late = (work.start + DAY, work.end + DAY)
    answer(world, object_(world, late, kind="maintenance_changed"), late)
    assert ("acme-vpn-gold", "vpn-0042") in excluded(world)


def test_a_window_that_was_offered_instead_of_the_wish_is_not_by_agreement(world):
    plan(world, 4 * DAY)
    wish = early(world)
    answer(world, object_(world, wish), (wish[0] + HOUR, wish[1] + HOUR))
    assert excluded(world) == []
    assert "the agreement wants 2 days" in decision(world).reason


def test_what_is_added_to_an_agreed_window_counts(world):
    plan(world, 4 * DAY)
    wish = early(world)
    answer(world, object_(world, wish), wish)
    world.pass_time(HOUR)
    change(world, plan_of(world), end=wish[1] + HOUR)
    with world.transaction() as t:
        assert [(x.start, x.end) for x in t.exclusions()] == [wish]
    assert not decision(world).earned


def test_a_word_is_spent_once_the_work_is_told_at_another_time(world):
    plan(world, 4 * DAY)
    wish = early(world)
    answer(world, object_(world, wish), wish)
    away = change(world, plan_of(world), start=wish[0] + 2 * HOUR, end=wish[1] + 2 * HOUR)
    assert excluded(world) == []
    change(world, away, start=wish[0], end=wish[1])
    assert plan_of(world).spans == (wish,)
    assert excluded(world) == []


def test_an_agreed_window_of_which_nobody_was_told_is_not_earned(world):
    plan(world, 4 * DAY)
    wish = early(world)
    said = object_(world, wish)
    world.stop_relay()
    answer(world, said, wish)
    assert excluded(world) == []
    assert not decision(world).by_agreement


def test_several_windows_are_agreed_to_as_they_are_moved(world):
    start = world.clock.at + 4 * DAY
    nights = ((start, start + HOUR), (start + DAY, start + DAY + HOUR))
    change(world, replace(plan(world, 4 * DAY), end=nights[1][1], windows=nights))
    by = early(world)[0] - start
    wish = (start + by, nights[1][1] + by)
    answer(world, object_(world, wish, kind="maintenance_changed"), wish)
    with world.transaction() as t:
        assert [(x.start, x.end) for x in t.exclusions()] == [(a + by, b + by) for a, b in nights]
    first, *others = [(a, b) for a, b, _ in decision(world).by_agreement]
    assert first == (nights[0][0] + by, nights[0][1] + by)
    assert all(a >= first[1] + HOUR for a, _ in others)


def test_what_an_agreed_window_will_do_is_shown_before_it_is_agreed_to(world):
    adopt(world, WITH_BETA)
    plan(world, 4 * DAY)
    wish = early(world)
    object_(world, wish)
    tried = moved(plan_of(world), wish)
    assert in_time(world, tried, agreeing=True) == {"acme-vpn-gold": True, "beta-gold": False}
    assert in_time(world, tried, agreeing=False) == {"acme-vpn-gold": False, "beta-gold": False}


def in_time(world, work, agreeing: bool) -> dict[str, bool]:
    found = world.process.works.preview(DEFAULT_TENANT, work, agreeing=agreeing)
    return {one.agreement.id: one.announcement.earned for one in found.agreements}
