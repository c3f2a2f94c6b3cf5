"""Every mapping and indicator of the page about collectors is read as it stands, and maps what the collectors send."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from upheld.agreements.indicators import Indicator
from upheld.measurements.mapping import Place, place
from upheld.readers.mapping import parse_mapping

PAGE = (Path(__file__).parents[2] / "docs" / "collectors.md").read_text()
MAPPINGS = re.findall(r"```yaml\n# mapping\n(.*?)```", PAGE, re.DOTALL)
INDICATORS = re.findall(r"^indicator: (\{.*\})$", PAGE, re.MULTILINE)
SERIES = {
    ("vpn-0042", "port_status"): {"__name__": "interface_ifOperStatus", "ifAlias": "vpn-0042", "ifName": "ge-0/0/1"},
    ("vpn-0042", "dropped"): {"__name__": "ifcounters_out_discards", "source": "pe1.example.net", "name": "xe-0/0/1"},
    ("vpn-0042", "loss"): {"__name__": "ping_percent_packet_loss", "url": "10.0.0.1"},
    ("vpn-0043", "rtt_ms"): {"__name__": "ping_average_response_ms", "url": "10.0.0.2"},
    ("cloud-acme-portal", "reachable"): {"__name__": "probe_success", "service": "cloud-acme-portal"},
    ("cloud-acme-portal", "duration_ms"): {"__name__": "probe_duration_seconds", "service": "cloud-acme-portal"},
}


@pytest.mark.parametrize(("wanted", "labels"), SERIES.items(), ids=lambda one: "/".join(one))
def test_what_a_collector_sends_is_mapped(wanted: tuple[str, str], labels: dict[str, str]) -> None:
    found = [place(parse_mapping(text, "docs/collectors.md"), labels) for text in MAPPINGS]
    assert [(one.service, one.metric) for one in found if isinstance(one, Place)] == [wanted]


def test_every_indicator_is_one() -> None:
    assert len(INDICATORS) == 3
    for text in INDICATORS:
        TypeAdapter(Indicator).validate_python(yaml.safe_load(text))
