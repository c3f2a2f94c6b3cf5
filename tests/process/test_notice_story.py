"""From a provider's mail to the customer's calendar, and to the minutes that do not count."""

import email.policy
import re
import threading
from email import message_from_bytes
from pathlib import Path

import pytest
from icalendar import Calendar

from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.ports import VerdictFilter
from upheld.process.works.intake import Answer
from upheld.readers.provider_mails import NoParser, parser_python
from upheld.readers.topology import parse_topology
from upheld.sources.notice_sources import MaildirSource
from upheld.sources.noticing import Noticer
from upheld.sources.web_files import WebFiles
from upheld.taking_in.noticeboard import MAX_BYTES

MAIL = Path(__file__).parents[1] / "readers" / "notices" / "aws.eml"
TOPOLOGY = """
resources:
  - {id: cloud-link-1, kind: line, supplier_ids: [{supplier: aws, id: dxcon-00000001}]}
dependencies:
  - {of: vpn-0042, on: [cloud-link-1]}
"""


@pytest.fixture
def reading() -> None:
    try:
        parser_python()
    except NoParser as missing:
        pytest.skip(str(missing))


def test_a_mail_of_a_provider_becomes_a_calendar_entry_and_excluded_minutes(reading, make_world, tmp_path) -> None:
    world = make_world()
    world.clock.at = parse_instant("2026-10-08T06:00:00Z")
    world.process.adopt_topology(DEFAULT_TENANT, parse_topology(TOPOLOGY, "yaml", "topology.yaml"))
    world.run()

    # The provider's mail arrives in the mailbox, and is read.
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1760000000.M1.mx").write_bytes(MAIL.read_bytes())
    source = MaildirSource(id="noc", kind="maildir", path=tmp_path)
    Noticer(source, world.application.noticeboard, WebFiles(MAX_BYTES), threading.Event()).look()
    assert [file.name for file in (tmp_path / "cur").iterdir()] == ["1760000000.M1.mx:2,S"]
    with world.transaction() as t:
        (window,) = t.noticed_works("waiting")
    assert (window.provider, window.said[0]["start"], window.said[0]["end"]) == (
        "aws",
        "2026-10-20T08:00:00Z",
        "2026-10-20T14:00:00Z",
    )
    assert window.questions == ("nothing in the topology is known by the supplier's name dxcon-00000002",)

    # A person says what the second circuit is; nobody was told before.
    world.run()
    assert world.mails() == []
    said = Answer(True, circuits={"dxcon-00000002": []}, title="Maintenance of the cloud link")
    assert world.process.works.answer_notice(DEFAULT_TENANT, window.id, said, "Ada") == "taken"
    world.run()

    # The customer has it in their calendar.
    (mail,) = world.mails("noc@acme.example")
    read = message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert "Maintenance of the cloud link" in read["Subject"]
    (entry,) = [part for part in read.walk() if part.get_content_type() == "text/calendar"]
    (event,) = Calendar.from_ical(entry.get_payload(decode=True)).walk("VEVENT")
    assert (event.decoded("DTSTART").isoformat(), event.decoded("DTEND").isoformat()) == (
        "2026-10-20T08:00:00+00:00",
        "2026-10-20T14:00:00+00:00",
    )
    assert not re.search("aws|amazon|dxcon", read.as_string(), re.IGNORECASE)

    # The service fails in the window for half an hour, and for three minutes after it.
    world.pass_time(parse_instant("2026-10-20T13:30:00Z") - world.clock.at)
    world.deliver(*[0.0] * 33, *[1.0] * 10)
    with world.transaction() as t:
        (verdict,) = [
            v
            for v in t.verdicts(VerdictFilter(service="vpn-0042"))
            if v.period_start <= parse_instant("2026-10-20T08:00:00Z") < v.period_end
        ]
    assert (verdict.bad, verdict.excluded) == (3, 6 * HOUR // MINUTE)
    (excluded,) = [one for one in verdict.evidence if one.kind == "excluded"]
    assert (format_instant(excluded.start), excluded.reason) == ("2026-10-20T08:00:00Z", "planned_maintenance")
    with world.transaction() as t:
        (grant,) = t.exclusions()
    assert grant.approved_by.startswith("Ada (work S-")
