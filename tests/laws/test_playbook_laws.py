"""Laws of runs: whatever a playbook says and whatever becomes of its steps, each ends, in its order and bounded."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.actions.model import ENDED, Action
from upheld.actions.playbook import Playbook, Playbooks, Step, When
from upheld.actions.runs import Moment, begun, changed, matching, released, reopened, requested
from upheld.agreements.units import HOUR, MINUTE
from upheld.cases.model import Case, Event
from upheld.readers.portfolio import parse_portfolio

AGREEMENT = parse_portfolio(
    """
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-01-01}
    services: [line]
    service_hours: {mon-fri: "08:00-18:00"}
    objectives:
      - id: up
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: month}
        target: 99 %
""",
    "p",
).agreements[0]
NOW = 1_780_300_800_000_000  # 2026-06-01, a Monday


@st.composite
def a_playbook(draw: st.DrawFn) -> Playbook:
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 7))):
        after = tuple(draw(st.sets(st.sampled_from([s.id for s in steps]), max_size=3))) if steps else ()
        on = draw(st.sampled_from(["done", "failed", "ended"])) if after else "done"
        wait = draw(st.sampled_from([None, 10 * MINUTE, 30 * HOUR]))
        steps.append(Step.model_construct(**_step(f"s{number}", after, on, wait)))
    return Playbook.model_construct(
        id="p", when=When(event=("opened",)), steps=tuple(steps), at_most=draw(st.integers(len(steps), 20))
    )


def _step(name: str, after: tuple[str, ...], on: str, wait: int | None) -> dict[str, object]:
    fields = {field: info.default for field, info in Step.model_fields.items()}
    return {**fields, "id": name, "do": "ticket", "after": after, "on": on, "wait": wait}


def moment(at: int = NOW) -> Moment:
    case = Case("C-1", "violation", "acting", "gold", "up", "line", "acme", at, at)
    return Moment(case, Event("C-1", 1, "opened", at), AGREEMENT)


OUTCOMES = st.sampled_from(["done", "failed", "skip", "again"])


@given(playbook=a_playbook(), outcomes=st.lists(OUTCOMES, min_size=40, max_size=40), order=st.randoms())
@settings(max_examples=300, deadline=None)
def test_a_run_comes_to_its_end_and_no_step_goes_before_those_that_it_waits_for(playbook, outcomes, order) -> None:
    run = {action.step: action for action in begun(playbook, moment(), [])}
    assert set(run) == {step.id for step in playbook.steps}, "each step is recorded when the run begins"
    now, kept = NOW, list(outcomes)
    while open_ones := [a for a in run.values() if a.state == "requested"]:
        now += MINUTE
        action = order.choice(sorted(open_ones, key=lambda a: a.step))
        waited_for = [run[name] for name in action.plan["after"]]
        assert all(one.state in ENDED for one in waited_for)
        outcome = kept.pop() if kept else "done"
        if outcome == "again":  # it fails, and is taken again
            failed = replace(action, state="failed", error="no", done_at=now)
            again = changed(failed, "again", "Ada", "", None, now)
            assert again is not None
            assert (again.id, again.again) == (action.id, action.again + 1)
            run |= {one.step: one for one in reopened(list(run.values()), action.step)}
            run[action.step] = requested(again, now, AGREEMENT)
            continue
        if outcome == "skip":
            skipped = changed(action, "skip", "Ada", "known", None, now)
            assert skipped is not None
            run[action.step] = skipped
        else:
            run[action.step] = replace(action, state=outcome, done_at=now)
        run |= {one.step: one for one in released(list(run.values()), now, AGREEMENT)}
    assert all(action.state in ENDED for action in run.values()), "nothing is left waiting"
    assert len({action.id for action in run.values()}) == len(playbook.steps)
    for action in run.values():
        if action.plan["after"] and action.state == "done" and action.plan["on"] == "done":
            assert all(run[name].state in ("done", "skipped") for name in action.plan["after"])


@given(playbook=a_playbook(), gaps=st.lists(st.integers(0, 40 * MINUTE), max_size=60))
@settings(max_examples=150, deadline=None)
def test_a_case_never_has_more_steps_of_a_playbook_in_an_hour_than_it_allows(playbook, gaps) -> None:
    taken: list[Action] = []
    now = NOW
    for gap in gaps:
        now += gap
        for chosen in matching(Playbooks.model_construct(playbooks=(playbook,)), moment(now)):
            taken += begun(chosen, moment(now), taken)
    assert len({action.id for action in taken}) == len(taken), "each step has a key of its own"
    asked = [action.requested_at for action in taken if not action.plan.get("held_back")]
    held = [action.requested_at for action in taken if action.plan.get("held_back")]
    for at in asked:
        assert len([other for other in asked if at - HOUR < other <= at]) <= playbook.at_most
    assert all(later - earlier >= HOUR for earlier, later in pairwise(held)), "told once an hour"


def test_what_a_playbook_does_begins_no_playbook() -> None:
    playbook = Playbook(id="p", when=When(event=("escalated",)), steps=(Step(id="s", do="escalate", level=2),))
    by_hand = replace(moment(), event=Event("C-1", 2, "escalated", NOW, {"level": 1}))
    by_playbook = replace(moment(), event=Event("C-1", 2, "escalated", NOW, {"level": 1, "playbook": "other"}))
    playbooks = Playbooks(playbooks=(playbook,))
    assert matching(playbooks, by_hand) == [playbook]
    assert matching(playbooks, by_playbook) == []
