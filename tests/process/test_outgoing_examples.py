"""The examples of docs/events.md are what the process tells: one of each type, with the same members.

UPHELD_RENEW_GOLDEN=1 writes them anew; read the difference before you keep it.
"""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from two_customers import EVERY, SWITCHES, portfolio

from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.measurements.model import Measurement
from upheld.outgoing.model import PREFIX, TYPES, OutgoingEvent, cloud_event
from upheld.readers.portfolio import parse_portfolio

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
EXAMPLES = PAGE.parent / "events"
RENEW = os.environ.get("UPHELD_RENEW_GOLDEN") == "1"
GOOD, BAD = [1.0], [0.0]


@pytest.fixture
def told(world, make_world) -> dict[str, OutgoingEvent]:
    """Of each type the first that is told, in four days with everything in them, and of problems in another world."""
    of_problems = _problems(make_world())
    source = world.source.replace("    exclusions:", "    handling: {fixed_within: 4h}\n    exclusions:")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    first_day = world.clock.at
    start = first_day + 5 * DAY
    work = Maintenance("CHG-4711", "Replace a line card", start, start + HOUR, ("switch-1",), "change board", first_day)
    world.process.works.plan(DEFAULT_TENANT, work)
    world.deliver(*GOOD * 10, *BAD * 4)  # in danger
    world.deliver(*BAD * 4)  # broken
    _deliver_until(world, "restored", GOOD)
    _deliver_until(world, "broke_again", BAD)
    _deliver_until(world, "restored", GOOD)
    world.answer(solved=False)
    world.pass_time(first_day + DAY - world.clock.at)
    world.deliver(*BAD * 9)  # violated on the second day too
    world.pass_time(2 * HOUR)  # what the first day came to is final
    world.deliver(*GOOD * 9)
    world.process.cases.ask_again(DEFAULT_TENANT, world.case().id, "operator")
    world.answer(solved=True)
    world.pass_time(first_day + 2 * DAY - world.clock.at)
    world.deliver(*BAD * 8)
    slots = range(first_day + 2 * DAY, world.clock.at, MINUTE)
    world.take(*(Measurement("vpn-0042", "reachable", slot, 1.0, known_at=world.clock.at) for slot in slots))
    world.run()  # it was not so
    slots = range(first_day + 10 * MINUTE, first_day + 40 * MINUTE, MINUTE)
    world.take(*(Measurement("vpn-0042", "reachable", slot, 1.0, known_at=world.clock.at) for slot in slots))
    world.run()  # nor on the first day
    running = replace(work, id="CHG-4712", start=world.clock.at - HOUR, end=world.clock.at, services=("vpn-0043",))
    world.process.works.plan(DEFAULT_TENANT, running)
    for turn in ("started", "overrun", "over"):
        world.process.works.say(DEFAULT_TENANT, running.id, turn, running.end - (turn == "started"))
    _object(world)
    world.process.works.change(DEFAULT_TENANT, replace(work, end=start + 2 * HOUR))
    world.process.works.cancel(DEFAULT_TENANT, "CHG-4711")
    _claim(world, first_day + DAY)
    with world.transaction() as t:
        return of_problems | {event.type: event for event in reversed(t.outgoing_events(0, 1000))}


def _object(world) -> None:
    with world.transaction() as t:
        notice = next(n for n in t.notices(maintenance_id="CHG-4711") if n.role == "customer.noc")
        work = t.maintenance("CHG-4711")
    wish = work.start + DAY, work.end + DAY
    said = world.process.works.object_to(DEFAULT_TENANT, notice.id, wish, "We close our books that night.")
    words = "The engineer is here on that night only."
    world.process.works.answer_objection(DEFAULT_TENANT, said.id, None, words, "Ada")


def _problems(world) -> dict[str, OutgoingEvent]:
    """One of a switch, which turns out to be of the router above it, and is solved at the second go; not for all, as
    one of them says in the end."""
    carried = {**SWITCHES, "router": ("switch-1", "switch-2")}
    world.adopt(portfolio(carried=carried), {None: EVERY})
    world.minute()
    world.minute("a-1", "a-2", "a-3")
    world.minute(*EVERY)
    world.gathered()
    case = world.cases()[0]
    candidates = [{"resource": "switch-2", "score": 0.9, "reasons": ["b-1: reachable went from 100 % to 0 %"]}]
    text = {"measurements": {"sound": True, "text": "The measurements look sound."}}
    world.process.cases.take_findings(DEFAULT_TENANT, case, {**text, "cause_candidates": candidates})
    for bad in (*[()] * 6, ("a-1",), *[()] * 6):
        world.minute(*bad)
    for case in world.cases():
        world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "noc@acme.example", True, "")
    world.minute()
    case = world.cases()[0]
    world.process.cases.answer(
        DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", False, "not for our branch office"
    )
    with world.transaction() as t:
        events = [event for event in reversed(t.outgoing_events(0, 1000)) if event.type.startswith(f"{PREFIX}problem.")]
        return {event.type: event for event in events}


def _claim(world, day: int) -> None:
    """What the day is owed must be claimed from now on, and is."""
    source = world.source.replace("    exclusions: [planned_maintenance]", "    claim: {within: 30d}")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    world.pass_time(DAY)
    key = "acme-vpn-gold", "availability", "vpn-0042", day
    world.process.claim_credit(DEFAULT_TENANT, key, "customer.noc/1", "link", "by our contract, section 7")


def _deliver_until(world, what: str, values: list[float]) -> None:
    """How often open cases are looked after depends on how fast this machine is."""
    for _ in range(60):
        world.deliver(*values)
        if world.event_types()[-1] == what or world.event_types()[-2:-1] == [what]:
            return
    raise AssertionError(f"{what} did not come about")


def test_there_is_an_example_of_each_type_and_it_is_what_is_told(told):
    assert set(told) == set(TYPES)
    for type_, event in told.items():
        document = cloud_event(event, DEFAULT_TENANT, "https://assurance.carrier.example")
        path = EXAMPLES / f"{type_.removeprefix(PREFIX)}.json"
        if RENEW:
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        example = json.loads(path.read_text("utf-8"))
        assert example["type"] == type_
        assert _like(example, document), f"{path.name} has not the members that are told"
    assert {path.stem for path in EXAMPLES.iterdir()} == {type_.removeprefix(PREFIX) for type_ in TYPES}


def _like(example: Any, document: Any) -> bool:
    """Whether two documents have the same members all the way down; either may have nothing where the other has
    something."""
    if not example or not document:
        return True
    if isinstance(example, dict) and isinstance(document, dict):
        return set(example) == set(document) and all(_like(example[name], document[name]) for name in example)
    if isinstance(example, list) and isinstance(document, list):
        return _like(example[0], document[0])
    return type(example) is type(document)


def test_the_page_names_every_type_with_its_meaning_and_its_example():
    row = re.compile(r"^\| \[`(org\.upheld\.([\w.]+))`\]\(events/([\w.]+)\.json\) \| (.+?) \|", re.MULTILINE)
    rows = row.findall(PAGE.read_text("utf-8"))
    assert {type_: meaning for type_, _, _, meaning in rows} == TYPES
    assert all(name == example for _, name, example, _ in rows)
