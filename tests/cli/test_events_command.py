"""`upheld events check`: what is understood of a file of sinks, each fault by its field, and whether brokers answer."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from brokers import free_port
from upheld.cli import app

GOOD = """
sinks:
  - id: crm
    kind: webhook
    url: https://crm.example.net/events
    secret: ${CRM_SECRET}
    types: [org.upheld.case.*]
  - id: bus
    kind: nats
    url: nats://nats.example.net:4222
    subject: upheld.{type}
  - id: bill
    kind: amqp
    url: amqp://rabbit.example.net
    exchange: assurance
    routing_key: credits
    types: [org.upheld.credit.adjusted]
    tenant: north
  - id: lake
    kind: kafka
    servers: ["kafka-1.example.net:9092"]
    topic: events
    start: kept
"""


def check(text: str, *options: str) -> Result:
    Path("sinks.yaml").write_text(text)
    return CliRunner().invoke(app, ["events", "check", "sinks.yaml", *options])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM_SECRET", "whsec_hunter2")


def test_it_says_what_is_understood() -> None:
    result = check(GOOD)
    assert result.exit_code == 0
    assert result.output == (
        "crm: webhook, https://crm.example.net/events, org.upheld.case.*, tenant default\n"
        "bus: nats, subject upheld.{type} at nats://nats.example.net:4222, every type, tenant default\n"
        "bill: amqp, exchange assurance, routing key credits at amqp://rabbit.example.net, org.upheld.credit.adjusted, "
        "tenant north\n"
        "lake: kafka, topic events at kafka-1.example.net:9092, every type, tenant default\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("kind: webhook", "kind: mail", "4: sinks[0].kind: 'mail' is not webhook, nats, amqp or kafka"),
        ("${CRM_SECRET}", "whsec_hunter2", "6: sinks[0].secret: write a reference, ${NAME} to the environment or"),
        ("${CRM_SECRET}", "${NOBODY}", "6: sinks[0].secret: the environment variable NOBODY is not set"),
        ("https://crm", "https://me:hunter2@crm", "5: sinks[0].url: has a user or a password"),
        ("org.upheld.case.*", "org.upheld.cases", "7: sinks[0].types"),
        ("id: bus", "id: crm", "sinks: 'crm' stands twice"),
        ("topic: events", "topic: events\n    options: {acks: '0'}", "sinks[3].options: acks is set by Upheld itself"),
        ("start: kept", "start: some", "sinks[3].start: 'some' is not new or kept"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(old: str, new: str, fault: str) -> None:
    result = check(GOOD.replace(old, new, 1))
    assert result.exit_code == 2
    assert fault in result.output
    assert "hunter" not in result.output


def test_a_broker_that_is_not_there_is_told() -> None:
    there = GOOD.replace("nats.example.net:4222", f"127.0.0.1:{free_port()}")
    only = there[: there.index("  - id: bill")]
    result = check(only, "--connect")
    assert result.exit_code == 3
    assert "cannot be reached" in result.output
