"""YAML is read by the core schema of YAML 1.2, exactly, with its lines, and never beyond measure."""

from decimal import Decimal
from textwrap import dedent

import pytest

from upheld.readers.faults import InputError
from upheld.readers.yaml_source import parse_yaml


def refusal(text):
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "a.yaml")
    return str(caught.value)


def test_scalars_are_read_exactly_and_only_true_and_false_are_booleans():
    text = """
    amount: 1200.10
    count: 12
    below: -0.5
    exponent: 1.5e3
    country: NO
    switch: on
    opens: 08:00
    day: 2026-01-01
    instant: 2026-06-01T00:00:00Z
    quoted: "5"
    yes: true
    no: False
    nothing: ~
    empty:
    octal: 0o17
    sexagesimal: 1:30
    not_finite: .nan
    """
    value = parse_yaml(dedent(text), "a.yaml").value
    assert value == {
        "amount": Decimal("1200.10"),
        "count": 12,
        "below": Decimal("-0.5"),
        "exponent": Decimal("1.5e3"),
        "country": "NO",
        "switch": "on",
        "opens": "08:00",
        "day": "2026-01-01",
        "instant": "2026-06-01T00:00:00Z",
        "quoted": "5",
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": None,
        "octal": "0o17",
        "sexagesimal": "1:30",
        "not_finite": ".nan",
    }
    assert str(value["amount"]) == "1200.10"
    assert type(value["count"]) is int


def test_every_node_knows_its_line():
    source = parse_yaml("a:\n  - b: 1\n    c:\n      d: 2\n  - {e: 3}\n", "a.yaml")
    assert source.line(()) == 1
    assert source.line(("a", 0, "c", "d")) == 4
    assert source.line(("a", 1, "e")) == 5
    assert source.line(("a", 0, "not there", 7)) == 2  # the nearest above it


def test_an_alias_repeats_what_it_names():
    assert parse_yaml("a: &x [1, 2]\nb: *x\n", "a.yaml").value == {"a": [1, 2], "b": [1, 2]}


def test_keys_that_stand_twice_are_all_told_with_their_fields():
    source = parse_yaml("a: 1\nb:\n  - c: 1\n    c: 2\na: 2\n", "a.yaml")
    assert [str(fault) for fault in source.faults] == [
        "a.yaml:4: b[0].c: stands twice; it is also on line 3",
        "a.yaml:5: a: stands twice; it is also on line 1",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml: is empty"),
        ("# only a comment\n", "a.yaml: is empty"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: a file holds one document; a second one begins here"),
        (
            "a: !!python/object:os.system x\n",
            "a.yaml:1: the tag tag:yaml.org,2002:python/object:os.system is not allowed",
        ),
        ("a: *b\n", "a.yaml:1: the alias *b names nothing above it"),
        ("a: &x [*x]\n", "a.yaml:1: the alias *x stands inside what it names"),
        ("[1, 2]: 3\n", "a.yaml:1: a key is plain text"),
        ("a: " + "[" * 70, "a.yaml:1: is nested more than 64 deep"),
        ("a: [1\nb: 2\n", "a.yaml:2: is not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a: 1\nb: \x07\n", "a.yaml:2: is not YAML: a character that is not allowed"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, message):
    assert refusal(text) == message


def test_a_bomb_of_aliases_is_refused_before_it_grows():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert refusal("\n".join(lines)) == "a.yaml:5: aliases repeat more than 100,000 nodes"


def test_a_document_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr("upheld.readers.yaml_source.MAX_CHARACTERS", 10)
    assert refusal("a: 1234567890") == "a.yaml: is longer than 10 characters"
