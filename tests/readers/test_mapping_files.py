"""Mapping files, and what they make of labels."""

from decimal import Decimal
from pathlib import Path

import pytest

from upheld.measurements.mapping import Place, Unmapped, place
from upheld.readers.faults import InputError
from upheld.readers.mapping import parse_mapping, read_samples

MAPPING = """
series:
  - name: probes
    labels: {__name__: probe_success, job: [blackbox, pings], env: ""}
    service: "{instance}"
    metric: reachable
    services: {"10.0.0.1:9115": vpn-0042}
  - labels: {__name__: {regex: "rtt_(seconds|s)"}}
    service: "vpn-{site}"
    metric: "rtt-{kind}"
    scale: 1000
"""


def became(**labels: str) -> Place | Unmapped:
    return place(parse_mapping(MAPPING, "mapping.yaml"), labels)


@pytest.mark.parametrize(
    ("labels", "service", "metric", "scale"),
    [
        ({"__name__": "probe_success", "job": "blackbox", "instance": "10.0.0.1:9115"}, "vpn-0042", "reachable", 1),
        ({"__name__": "probe_success", "job": "pings", "instance": "x"}, "x", "reachable", 1),
        ({"__name__": "rtt_seconds", "site": "a", "kind": "p95"}, "vpn-a", "rtt-p95", 1000),
    ],
)
def test_labels_become_a_service_and_a_metric(labels: dict[str, str], service: str, metric: str, scale: int) -> None:
    assert became(**labels) == Place(service, metric, scale)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"__name__": "up"}, "no rule matches"),
        ({"__name__": "probe_success", "job": "other", "instance": "x"}, "no rule matches"),
        ({"__name__": "probe_success", "job": "pings", "instance": "x", "env": "lab"}, "no rule matches"),
        ({"__name__": "rtt_seconds_total", "site": "a", "kind": "b"}, "no rule matches"),
        ({"__name__": "probe_success", "job": "pings"}, "probes: the series has no label instance"),
        ({"__name__": "rtt_s"}, "rule 2: the series has no label site, kind"),
        ({"__name__": "probe_success", "job": "pings", "instance": "*"}, "probes: '*' cannot be a name"),
        ({"__name__": "probe_success", "job": "pings", "instance": "x" * 201}, "cannot be a name"),
    ],
)
def test_what_becomes_nothing_says_why(labels: dict[str, str], reason: str) -> None:
    found = became(**labels)
    assert isinstance(found, Unmapped)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (('"{instance}"', '"{instance"'), "5: series[0].service", "a label stands in braces, such as {instance}"),
        (('"{instance}"', '"{}"'), "5: series[0].service", "a label stands in braces, such as {instance}"),
        (
            ('"rtt_(seconds|s)"', '"rtt_("'),
            "8: series[1].labels.__name__",
            "is not a regular expression of RE2: missing )",
        ),
        (('"rtt_(seconds|s)"', '"(a)\\\\1"'), "8: series[1].labels.__name__", "invalid escape sequence: \\1"),
        (('"rtt_(seconds|s)"', '"(?=a)a"'), "8: series[1].labels.__name__", "invalid perl operator: (?="),
        (('"rtt_(seconds|s)"', '"(.{900}a.{900}){9}"'), "8: series[1].labels.__name__", "is not a regular expression"),
        (("scale: 1000", "scale: 0"), "11: series[1].scale", "write a number other than 0"),
        (("scale: 1000", "scale: many"), "11: series[1].scale", "write a number"),
        (("scale: 1000", "factor: 1000"), "11: series[1].factor", "unknown field"),
        (("metric: reachable", "metrics: reachable"), "6: series[0].metrics", "unknown field"),
    ],
)
def test_a_faulty_mapping_names_line_and_field(change: tuple[str, str], place: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_mapping(MAPPING.replace(*change), "mapping.yaml")
    assert any(f"{f.line}: {f.field}".startswith(place) and message in f.message for f in caught.value.faults), str(
        caught.value
    )


def test_what_is_wrong_inside_a_value_is_all_that_is_said_of_it() -> None:
    with pytest.raises(InputError) as caught:
        parse_mapping(MAPPING.replace('"rtt_(seconds|s)"', '"rtt_("'), "mapping.yaml")
    assert [fault.field for fault in caught.value.faults] == ["series[1].labels.__name__.regex"]
    with pytest.raises(InputError) as caught:
        parse_mapping(MAPPING.replace("job: [blackbox, pings]", "job: [blackbox, 7]"), "mapping.yaml")
    assert [fault.field for fault in caught.value.faults] == ["series[0].labels.job[1]"]


def test_no_pattern_takes_more_than_a_time_in_proportion_to_the_label() -> None:
    """Backtracking would double its time with each letter: this ends in no lifetime, and RE2 is done at once."""
    mapping = parse_mapping(MAPPING.replace('"rtt_(seconds|s)"', '"(a+)+"'), "mapping.yaml")
    assert place(mapping, {"__name__": "a" * 2000 + "b", "site": "x", "kind": "y"}) == Unmapped("no rule matches")
    assert place(mapping, {"__name__": "a" * 2000, "site": "x", "kind": "y"}) == Place("vpn-x", "rtt-y", Decimal(1000))


def test_patterns_that_take_too_long_together_are_refused() -> None:
    def mapping(rules: int) -> str:
        pattern = '{regex: "(.?){1000}b"}'
        return "series:\n" + f"  - {{labels: {{a: {pattern}}}, service: s, metric: m}}\n" * rules

    assert len(parse_mapping(mapping(9), "mapping.yaml").series) == 9
    with pytest.raises(InputError, match="series: the regular expressions are too large together: 110,050 steps"):
        parse_mapping(mapping(10), "mapping.yaml")


def test_a_label_too_long_for_a_pattern_is_told() -> None:
    found = became(__name__="rtt_s" + "s" * 2048)
    assert isinstance(found, Unmapped)
    assert found.reason == "no rule matches: the label __name__ has more than 2048 characters, and no pattern takes it"
    assert became(__name__="probe_success", job="pings", instance="x", path="p" * 5000) == Place(
        "x", "reachable", Decimal(1)
    )


def test_a_name_stands_once() -> None:
    twice = MAPPING.replace("  - labels: {__name__: {regex", "  - name: probes\n    labels: {__name__: {regex")
    with pytest.raises(InputError, match="'probes' stands twice"):
        parse_mapping(twice, "mapping.yaml")


def test_samples_are_read_from_prometheus_text(tmp_path: Path) -> None:
    page = tmp_path / "metrics.txt"
    page.write_text('# TYPE probe_success gauge\nprobe_success{instance="a"} 1\nrtt_s{site="x\\"y"} 0.25\n')
    assert read_samples(page) == [
        ({"__name__": "probe_success", "instance": "a"}, 1.0),
        ({"__name__": "rtt_s", "site": 'x"y'}, 0.25),
    ]
    page.write_text("probe_success{instance= 1\n")
    with pytest.raises(InputError, match="is not in Prometheus' text form"):
        read_samples(page)
