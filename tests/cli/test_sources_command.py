"""`upheld sources check`, as a user runs it."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from upheld.cli import app

GOOD = """
sources:
  - id: probes
    kind: nats
    url: nats://nats.example.net:4222
    username: upheld
    password: ${NATS_PASSWORD}
    subject: measurements.>
    format: jsonl
  - id: billing
    kind: amqp
    url: amqps://mq.example.net/production
    queue: measurements
    format: csv
    bad_rows: whole
  - id: flows
    kind: kafka
    tenant: north
    servers: [kafka-1.example.net:9092, kafka-2.example.net:9092]
    topic: flows
    format: otlp
    unread: leave_out
    options: {security.protocol: SASL_SSL, sasl.password: "${file:SECRET}"}
  - id: drop
    kind: folder
    url: drop
"""


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NATS_PASSWORD", "hunter2")
    (tmp_path / "SECRET").write_text("hunter3\n")
    (tmp_path / "drop").mkdir()


def check(text: str, *options: str) -> Result:
    Path("sources.yaml").write_text(text)
    return CliRunner().invoke(app, ["sources", "check", "sources.yaml", *options])


def test_it_says_what_is_understood() -> None:
    result = check(GOOD)
    assert result.exit_code == 0, result.output
    assert result.output == (
        "probes: nats, subject measurements.> at nats://nats.example.net:4222, jsonl, bad rows apart, "
        "what no objective reads is set aside, tenant default\n"
        "billing: amqp, queue measurements at amqps://mq.example.net/production, csv, a bad row sets the whole aside, "
        "what no objective reads is set aside, tenant default\n"
        "flows: kafka, topic flows at kafka-1.example.net:9092, kafka-2.example.net:9092, otlp, bad rows apart, "
        "what no objective reads is left out, tenant north\n"
        "drop: folder, drop, format by name, bad rows apart, what no objective reads is set aside, tenant default\n"
    )
    assert "hunter" not in result.output


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("kind: nats", "kind: mqtt", "4: sources[0].kind: 'mqtt' is not nats, amqp, kafka or folder"),
        ("nats://", "http://", "5: sources[0].url: 'http://nats.example.net:4222': an address begins with nats:// or"),
        ("nats://", "nats://me:hunter2@", "5: sources[0].url: has a user or a password; they go into username and"),
        ("${NATS_PASSWORD}", "hunter2", "7: sources[0].password: write a reference, ${NAME} to the environment or"),
        ("${NATS_PASSWORD}", "${NOBODY}", "7: sources[0].password: the environment variable NOBODY is not set"),
        ("file:SECRET", "file:nowhere", "23: sources[2].options: sasl.password: the file nowhere cannot be read: No"),
        ('"${file:SECRET}"', "hunter3", "23: sources[2].options: sasl.password: write a reference"),
        (
            "format: otlp",
            "format: xml",
            "21: sources[2].format: 'xml' is not jsonl, csv, parquet",
        ),
        (
            "bad_rows: whole",
            "bad_row: whole",
            "15: sources[1].bad_row: unknown field (did you mean bad_rows?)",
        ),
        ("id: billing", "id: probes", "10: sources: 'probes' stands twice"),
        ("    topic: flows\n", "", "16: sources[2].topic: is missing"),
        (
            "kind: folder",
            "kind: folder\n    settle: 5",
            "26: sources[3].settle: 5: write a duration",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(old: str, new: str, fault: str) -> None:
    result = check(GOOD.replace(old, new, 1))
    assert result.exit_code == 2
    assert f"sources.yaml:{fault}" in result.output
    assert "hunter" not in result.output


@pytest.mark.parametrize(
    "name", ["account_key", "connection_string", "sas", "sas_url", "credential", "passphrase", "secret", "ssl.key.pem"]
)
def test_what_is_confidential_does_not_stand_in_the_file(name: str) -> None:
    result = check('sources: [{id: drop, kind: folder, url: "abfs://in", options: {' + name + ": hunter2}}]")
    assert result.exit_code == 2
    assert f"sources[0].options: {name}: write a reference" in " ".join(result.output.split())
    assert "hunter" not in result.output


def test_what_is_not_confidential_may_stand_in_the_file() -> None:
    """S3's `key` is the name of a key; SASL is no SAS."""
    options = "options: {key: AKIA, sasl.mechanism: PLAIN, sasl.username: upheld, ssl.keystore.location: /etc/key}"
    folder = "{id: drop, kind: folder, url: drop, " + options + "}"
    kafka = "{id: flows, kind: kafka, servers: ['k:9092'], topic: flows, format: otlp, " + options + "}"
    result = check("sources: [" + folder + ", " + kafka + "]")
    assert result.exit_code == 0, result.output


def test_a_client_that_is_missing_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    result = check(GOOD)
    assert result.exit_code == 2
    assert "source probes: kind nats needs a client that is not installed: pip install 'upheld[nats]'" in result.output


def test_with_connect_it_says_what_can_be_reached() -> None:
    (Path("drop") / "a.csv").write_text("service,metric,time,value\n")
    folder = "sources: [{id: drop, kind: folder, url: drop}]"
    result = check(folder, "--connect")
    assert (result.exit_code, result.output.splitlines()[1]) == (0, "  1 file waits")
    away = "sources: [{id: away, kind: amqp, url: 'amqp://127.0.0.1:1/', queue: q, format: csv}]"
    result = check(away, "--connect")
    assert result.exit_code == 3
    assert "  cannot be reached: " in result.output
