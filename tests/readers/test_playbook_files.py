"""Playbook files: each fault is named with its line and field."""

import pytest

from upheld.readers.faults import InputError
from upheld.readers.playbooks import parse_playbooks

GOOD = """\
playbooks:
  - id: gold
    when: {event: worsened, tier: gold, budget_left: "< 25 %", time_of_day: {mon-fri: "08:00-18:00"}}
    steps:
      - {id: ticket, do: ticket, within: 15m}
      - id: note
        do: update_ticket
        after: ticket
"""


def test_one_value_stands_for_a_list_of_one():
    (playbook,) = parse_playbooks(GOOD, "p.yaml").playbooks
    assert (playbook.when.event, playbook.when.tier, playbook.steps[1].after) == (("worsened",), ("gold",), ("ticket",))
    assert playbook.at_most == 20


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("worsened", "worsend", "p.yaml:3: playbooks[0].when.event: 'worsend' is not "),
        ('"< 25 %"', '"25 %"', "p.yaml:3: playbooks[0].when.budget_left: '25 %': write an operator and a share"),
        ("tier: gold", "teir: gold", "p.yaml:3: playbooks[0].when.teir: unknown field"),
        ("15m", "soon", "p.yaml:5: playbooks[0].steps[0].within: "),
        ("do: ticket,", "do: page,", "p.yaml:5: playbooks[0].steps[0]: to: is missing"),
        ("do: ticket,", "do: ticket, level: 2,", "p.yaml:5: playbooks[0].steps[0].level: belongs to escalate"),
        ("after: ticket", "after: tickt", "p.yaml:8: playbooks[0].steps[1].after: 'tickt' is no step before this one"),
        ("after: ticket", "after: note", "p.yaml:8: playbooks[0].steps[1].after: 'note' is no step before this one"),
        ("after: ticket", "on: failed", "playbooks[0].steps[1].on: says how the steps in after must have ended"),
        ("id: note", "id: ticket", "p.yaml:6: playbooks[0].steps: 'ticket' stands twice"),
        ("id: note", "id: a/b", "p.yaml:6: playbooks[0].steps[1].id: "),
        ("id: gold", "id: gold\n    at_most: 1", "p.yaml:3: playbooks[0].at_most: is less than the 2 steps"),
    ],
)
def test_a_fault_is_named_with_its_line_and_field(was, becomes, fault):
    assert was in GOOD
    with pytest.raises(InputError) as raised:
        parse_playbooks(GOOD.replace(was, becomes), "p.yaml")
    assert fault in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "playbooks: []", "playbooks: {}", "playbooks: [{id: a}]"])
def test_what_is_no_playbook_is_refused(text):
    with pytest.raises(InputError):
        parse_playbooks(text, "p.yaml")
