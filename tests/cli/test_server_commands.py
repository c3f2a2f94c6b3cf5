"""The commands that run a server and speak to one, against a real server."""

import json
import mailbox
import os
import re
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import httpx
import pytest
from typer.testing import CliRunner

from upheld.app import Settings
from upheld.cli import app
from upheld.cli.server import reached, standing
from upheld.demo.mail import start_mail_catcher

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
    notices: {maintenance: {lead_time: 2d, to: [customer.noc]}}
customers:
  - {id: acme, name: Acme, contacts: {noc: [{email: noc@acme.example}]}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A running server's directory and environment, with the key that its first start printed."""
    directory = tmp_path_factory.mktemp("server")
    relay = start_mail_catcher(directory / "mail")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    own = {"UPHELD_PORT": str(port), "UPHELD_SMTP_PORT": str(relay.port), "UPHELD_URL": url, "UPHELD_DRAIN": "0"}
    environment = {**os.environ, **own}
    with (directory / "output").open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "upheld.cli", "serve"], cwd=directory, env=environment, stdout=output, stderr=output
        )
    deadline = time.monotonic() + 60
    while not _ready(url):
        assert time.monotonic() < deadline, (directory / "output").read_text()
        time.sleep(0.1)
    environment["UPHELD_KEY"] = re.findall(r"uph_\S+", (directory / "output").read_text())[0]
    (directory / "portfolio.yaml").write_text(PORTFOLIO)
    yield directory, environment
    server.terminate()
    assert server.wait(timeout=30) is not None
    relay.stop()


def _ready(url):
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.HTTPError:
        return False


def upheld(place, *arguments, **environment):
    directory, own = place
    command = [sys.executable, "-m", "upheld.cli", *arguments]
    return subprocess.run(
        command, cwd=directory, env={**own, **environment}, capture_output=True, text=True, check=False
    )


def test_a_work_is_planned_listed_and_cancelled(place):
    applied = upheld(place, "apply", "portfolio.yaml")
    assert (applied.stdout, applied.returncode) == ("portfolio.yaml is in force as version 1\n", 0), applied.stderr
    window = ["--start", "2030-06-01T22:00:00Z", "--end", "2030-06-02T02:00:00Z"]
    seen = upheld(place, "maintenance", "preview", "--service", "line-1", *window)
    assert "1 service of 1 customer taken down (line-1)" in seen.stdout, seen.stderr
    assert "gold: does not count" in seen.stdout  # as wide as a terminal is at least
    assert "line-1" in seen.stdout.partition("gold: does not count")[2]
    wrong = upheld(place, "maintenance", "preview", "--service", "line-9", *window)
    assert (wrong.returncode, "'line-9'" in wrong.stderr) == (2, True)
    what = ["--title", "Switch upgrade", "--service", "line-1", "--approved-by", "change board", "--id", "work-1"]
    added = upheld(place, "maintenance", "add", *what, *window)
    assert added.stdout.splitlines() == [
        "work-1: Switch upgrade, 2030-06-01T22:00:00Z to 2030-06-02T02:00:00Z",
        "  recorded  noc@acme.example",
    ], added.stderr
    deadline = time.monotonic() + 30
    while "gold: earned" not in (listed := upheld(place, "maintenance", "list").stdout):
        assert time.monotonic() < deadline, listed
        time.sleep(0.5)
    moved = upheld(place, "maintenance", "change", "work-1", "--end", "2030-06-02T03:00:00Z")
    assert moved.stdout.splitlines() == [
        "work-1: Switch upgrade, 2030-06-01T22:00:00Z to 2030-06-02T03:00:00Z",
        "  recorded  noc@acme.example",
    ], moved.stderr
    another = upheld(place, "maintenance", "add", *what[:-1], "A/2", *window).stdout.splitlines()
    night = "2030-06-01 22:00 UTC to 2030-06-02 03:00 UTC"
    assert another[1] == f"! Acme has another work in the same night: 'Switch upgrade' (work-1), {night}"
    assert upheld(place, "maintenance", "cancel", "A/2").stdout.startswith("A/2 is cancelled")
    assert upheld(place, "maintenance", "change", "work-1").returncode == 2
    assert upheld(place, "maintenance", "cancel", "work-1").stdout == "work-1 is cancelled; 1 notice on the way\n"
    assert "  gold: cancelled: its minutes count\n" in upheld(place, "maintenance", "list").stdout
    assert upheld(place, "maintenance", "cancel", "work-1").stdout == "work-1 was already cancelled\n"
    assert upheld(place, "maintenance", "cancel", "work-2").returncode == 2


def test_a_customers_feeds_are_told_and_renewed(place):
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    first, same, second = (upheld(place, "notice", "feeds", "acme", *more).stdout for more in ((), (), ("--renew",)))
    assert first == same != second
    (calendar, was), (notices, _) = (line.split() for line in first.splitlines())
    assert (calendar, notices) == ("calendar", "notices")
    assert httpx.get(second.split()[1]).text.startswith("BEGIN:VCALENDAR")
    assert httpx.get(was).status_code == 404
    assert upheld(place, "notice", "feeds", "nobody").returncode == 2


NOTICE = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART:20300701T220000Z
DTEND:20300702T020000Z
DTSTAMP:20300601T220000Z
SUMMARY:Splice
X-MAINTNOTE-PROVIDER:lumen
X-MAINTNOTE-MAINTENANCE-ID:CHG-1
X-MAINTNOTE-OBJECT-ID:ABC=1
X-MAINTNOTE-STATUS:CONFIRMED
END:VEVENT
END:VCALENDAR
"""


def test_notices_and_works_are_handed_in_and_answered(place):
    directory, _ = place
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    (directory / "notice.ics").write_text(NOTICE)
    taken = upheld(place, "maintenance", "take", "notice.ics")
    question = re.findall(r"N-[0-9A-F]{20}-1", taken.stdout)[0]
    what = f"{question}  waiting  plan  lumen CHG-1, 2030-07-01T22:00:00Z to 2030-07-02T02:00:00Z"
    assert (taken.stdout, taken.returncode) == (f"notice.ics: {what}\n", 1), taken.stderr
    assert upheld(place, "maintenance", "questions").stdout.splitlines() == [
        what,
        "  ABC=1 (OUTAGE) is not known",
        "  ? nothing in the topology is known by the supplier's name ABC=1",
    ]
    refused = upheld(place, "maintenance", "answer", question, "--accept", "--circuit", "ABC=1=line-9")
    assert (refused.returncode, "names line-9" in refused.stderr) == (2, True)
    said = ["--circuit", "ABC=1=line-1", "--zone", "Europe/Berlin", "--title", "Splice"]
    answered = upheld(place, "maintenance", "answer", question, "--accept", *said)
    assert answered.stdout.startswith(f"{question}  taken  plan  "), answered.stderr
    assert (
        "2030-07-01T20:00:00Z to 2030-07-02T00:00:00Z  planned  Splice" in upheld(place, "maintenance", "list").stdout
    )
    line = "W-7,Swap,2030-08-01T22:00:00Z,2030-08-02T00:00:00Z,line-1,Ada"
    (directory / "works.csv").write_text(f"id,title,start,end,services,approved_by\n{line}\n")
    planned = upheld(place, "maintenance", "take", "works.csv")
    assert planned.stdout == "works.csv: W-7 is planned, 2030-08-01T22:00:00Z to 2030-08-02T00:00:00Z\n", planned.stderr
    (directory / "works.csv").write_text(f"id,title,start,end,services,approved_by\n{line},x\n")
    refused = upheld(place, "maintenance", "take", "works.csv")
    assert (refused.returncode, "\nworks.csv:2: the line has 7 of 6 fields" in refused.stderr) == (2, True)
    (directory / "unread.ics").write_text(NOTICE.replace("X-MAINTNOTE-PROVIDER:lumen\n", ""))
    unread = upheld(place, "maintenance", "take", "unread.ics").stdout.split()[1]
    assert upheld(place, "maintenance", "questions").stdout.splitlines() == [
        f"{unread}  waiting  plan  not understood",
        "  from nobody who is named, by API, first key, called unread.ics",
        "  ? it was not understood: VEVENT 1: X-MAINTNOTE-PROVIDER is missing",
    ]


def announced(place, work: str, day: str) -> str:
    """Plans a work on line-1, and gives the link in the mail that announces it."""
    directory, _ = place
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    window = ["--start", f"{day}T22:00:00Z", "--end", f"{day}T23:00:00Z"]
    what = ["--title", "Card", "--service", "line-1", "--approved-by", "board", "--id", work]
    assert upheld(place, "maintenance", "add", *what, *window).returncode == 0
    deadline = time.monotonic() + 30
    while True:
        mails = (mail.get_payload(decode=True) or b"" for mail in _texts(directory / "mail"))
        links = [re.findall(r"http://\S+/planned/\S+", text.decode()) for text in mails if work in text.decode()]
        if links and links[0]:
            return links[0][0]
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _texts(mails):
    every = (part for mail in mailbox.Maildir(str(mails)) for part in mail.walk())
    return [part for part in every if part.get_content_type() == "text/plain"]


def test_objections_are_listed_shown_agreed_to_and_declined(place):
    first, second = (announced(place, f"OBJ-{n}", f"2030-09-0{n}") for n in (1, 2))
    wish = "2030-09-03T22:00:00Z/2030-09-03T23:00:00Z"
    for link, sent in ((first, {"window": wish, "reason": "stock-\r\ntaking"}), (second, {"reason": "never"})):
        assert httpx.post(link, data={"wish": "object", **sent}).status_code == 200
    _, own = place

    def said(*arguments):
        done = CliRunner().invoke(app, ["maintenance", "objections", *arguments], env=own)
        return SimpleNamespace(stdout=done.stdout, stderr=done.stderr, returncode=done.exit_code)

    listed = said("list").stdout.splitlines()
    (one, other) = re.findall(r"O-[0-9A-F]+", "".join(listed))
    assert len(listed) == 2
    assert re.fullmatch(
        rf"OBJ-1  {one}  open, owed by \S+  acme noc@acme.example wants 2030-09-03T22:00:00Z to "
        r"2030-09-03T23:00:00Z \(stock- taking\)",
        listed[0],
    )
    assert listed[1].endswith("acme noc@acme.example wants another time (never)")
    assert said("list", "OBJ-2", "--state", "open").stdout.splitlines() == [listed[1]]
    nothing = said("list", "--state", "declined")
    assert (nothing.stdout, nothing.stderr, nothing.returncode) == ("", "upheld: no objections that are declined\n", 0)
    shown = said("show", "OBJ-1", one).stdout.splitlines()
    assert "  who      acme, customer.noc, noc@acme.example, under gold" in shown
    assert "  against  2030-09-01T22:00:00Z to 2030-09-01T23:00:00Z" in shown

    agreed = said("agree", "OBJ-1", one, "--answer", "Gladly.")
    assert "  agreed: 2030-09-03T22:00:00Z to 2030-09-03T23:00:00Z  " in agreed.stdout, agreed.stderr
    assert said("agree", "OBJ-1", one, "--answer", "Gladly.").stdout == agreed.stdout
    assert "2030-09-03T22:00:00Z to 2030-09-03T23:00:00Z  planned  Card" in upheld(place, "maintenance", "list").stdout

    half = said("agree", "OBJ-2", other, "--start", "2030-09-05T22:00:00Z")
    assert (half.returncode, half.stderr) == (2, "upheld: --start and --end come together\n")
    none = said("agree", "OBJ-2", other)
    assert (none.returncode, "no other window was asked for" in none.stderr) == (2, True)
    assert said("decline", "OBJ-2", other).returncode == 2
    declined = said("decline", "OBJ-2", other, "--answer", "It fails.")
    assert f"OBJ-2  {other}  declined  acme" in declined.stdout, declined.stderr
    assert said("show", "OBJ-2", other).stdout.splitlines()[-1].endswith(": It fails.")
    late = said("agree", "OBJ-2", other, "--start", "2030-09-05T22:00:00Z", "--end", "2030-09-05T23:00:00Z")
    assert (late.returncode, "declined" in late.stderr) == (2, True)
    assert said("show", "OBJ-1", "O-0").returncode == 2


@pytest.mark.parametrize(
    ("state", "decided_at", "notice", "earned", "services", "said"),
    [
        ("planned", "2030-05-01T00:00:00Z", "recorded", False, [], "not decided yet: the announcement is on its way"),
        ("planned", "2030-05-01T00:00:00Z", "failed", False, [], "not earned: why"),
        ("planned", "2030-06-01T22:00:00Z", "recorded", False, [], "not earned: why"),
        (
            "planned",
            "2030-05-01T00:00:00Z",
            "recorded",
            False,
            ["line-1"],
            "not decided yet: the announcement is on its way",
        ),
        ("planned", "2030-05-01T00:00:00Z", "sent", False, ["line-1"], "earned in part: why"),
        ("planned", "2030-05-01T00:00:00Z", "sent", True, ["line-1"], "earned: why"),
        ("cancelled", "2030-05-01T00:00:00Z", "sent", True, ["line-1"], "cancelled: its minutes count"),
    ],
)
def test_whether_a_window_counts_is_told_in_words(state, decided_at, notice, earned, services, said):
    announcement = {
        "agreement": "gold", "decided_at": decided_at, "earned": earned, "services": services, "reason": "why",
    }  # fmt: skip
    notices = [
        {"agreement": "gold", "kind": "maintenance", "state": notice},
        {"agreement": "silver", "kind": "maintenance", "state": "recorded"},
        {"agreement": "gold", "kind": "maintenance_reminder", "state": "recorded"},
    ]
    work = {"state": state, "start": "2030-06-01T22:00:00Z", "notices": notices}
    assert standing(work, announcement) == said


def test_links_lead_to_where_the_server_listens(monkeypatch):
    monkeypatch.delenv("UPHELD_PUBLIC_URL", raising=False)
    assert reached(Settings(), 8471).public_url == "http://127.0.0.1:8471"
    assert reached(Settings(host="10.0.0.7"), 8471).public_url == "http://10.0.0.7:8471"
    assert reached(Settings(host="0.0.0.0"), 8471).public_url == "http://127.0.0.1:8471"
    monkeypatch.setenv("UPHELD_PUBLIC_URL", "https://sla.example")
    assert reached(Settings(), 8471).public_url == "https://sla.example"


def test_what_the_server_refuses_is_said_and_ends_with_2(place):
    naive = ["--start", "2030-06-01T22:00:00", "--end", "2030-06-02T02:00:00Z"]
    done = upheld(place, "maintenance", "add", "--title", "x", "--service", "line-1", "--approved-by", "me", *naive)
    assert done.returncode == 2
    assert "start: " in done.stderr
    assert "time zone" in done.stderr


def test_a_wrong_portfolio_is_refused_with_its_lines_before_it_is_sent(place):
    directory, _ = place
    (directory / "wrong.yaml").write_text(PORTFOLIO.replace("99.9 %", "99.9"))
    done = upheld(place, "apply", "wrong.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("wrong.yaml:11: agreements[0].objectives[0].target: ")


def test_a_key_that_is_not_ours_is_refused(place):
    done = upheld(place, "maintenance", "list", UPHELD_KEY="uph_" + "x" * 43)
    assert done.returncode == 2
    assert "xxxx" not in done.stderr


def test_a_server_that_is_not_there_ends_with_3(place):
    assert upheld(place, "maintenance", "list", UPHELD_URL="http://127.0.0.1:1").returncode == 3


def test_a_key_for_a_source_may_only_deliver(place):
    made = upheld(place, "key", "add", "collector", "--role", "ingest")
    assert made.returncode == 0, made.stderr
    done = upheld(place, "maintenance", "list", UPHELD_KEY=made.stdout.strip())
    assert done.returncode == 2
    assert upheld(place, "key", "add", "collector", "--role", "king").returncode == 2


def test_keys_are_listed_and_revoked_while_the_server_runs(place):
    secret = upheld(place, "key", "add", "noc desk", "--role", "operator").stdout.strip()
    listed = upheld(place, "key", "list", "--tenant", "default").stdout
    assert secret not in listed
    (line,) = (line for line in listed.splitlines() if "noc desk" in line)
    key, tenant, role, *_ = line.split()
    assert (tenant, role, "revoked" in line) == ("default", "operator", False)
    assert upheld(place, "maintenance", "list", UPHELD_KEY=secret).returncode == 0
    revoked = upheld(place, "key", "revoke", key)
    assert (revoked.stdout, revoked.stderr) == (f"{key} (noc desk, of default) is revoked\n", "")
    refused = upheld(place, "maintenance", "list", UPHELD_KEY=secret)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "does not know this API key, or it is revoked: give another by --key or UPHELD_KEY" in refused.stderr
    assert "was already revoked, 20" in upheld(place, "key", "revoke", key).stdout
    assert f"{key}  default  operator" in (again := upheld(place, "key", "list").stdout)
    assert "revoked 20" in next(line for line in again.splitlines() if key in line)
    unknown = upheld(place, "key", "revoke", "0123")
    assert (unknown.returncode, "there is no key of the id '0123'" in unknown.stderr) == (2, True)
    only = upheld(place, "key", "add", "only", "--role", "operator", "--tenant", "small")
    assert only.returncode == 0
    (key,) = (line.split()[0] for line in upheld(place, "key", "list", "--tenant", "small").stdout.splitlines())
    assert "small has no operator's key left" in upheld(place, "key", "revoke", key).stderr


def test_what_a_server_refuses_is_told_once(place):
    refused = upheld(place, "billing", "claims", "claims.csv", "--standing", "x")
    assert refused.returncode == 2
    assert refused.stderr.count("standing") == 1, refused.stderr
    status = upheld(place, "events", "status")
    assert (status.returncode, "has no destinations" in status.stderr) == (0, True), status.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_taken_port_is_said_in_one_sentence_before_anything_starts(tmp_path, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = upheld((tmp_path, dict(os.environ)), command, "--port", str(port))
    assert done.returncode == 2
    assert done.stderr == f"upheld: port {port} of 127.0.0.1 is taken: give another with --port\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "a" * 70])
def test_an_address_that_is_not_ours_is_refused(tmp_path, host):
    done = upheld((tmp_path, dict(os.environ)), "serve", "--host", host, "--port", "0")
    assert done.returncode == 2
    assert done.stderr.startswith(f"upheld: cannot listen on port 0 of {host}: ")
    assert "Traceback" not in done.stderr


def test_what_was_set_aside_is_listed_replayed_and_discarded(place):
    directory, environment = place
    (directory / "portfolio.yaml").write_text(PORTFOLIO)
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    lines = "".join(
        f'{{"service": "{service}", "metric": "up", "time": "2026-06-01T00:00:00Z", "value": 1}}\n'
        for service in ("line-1", "line-2", "line-3")
    )
    headers = {"Authorization": f"Bearer {environment['UPHELD_KEY']}", "Content-Type": "application/x-ndjson"}
    url = f"{environment['UPHELD_URL']}/v1/measurements?mode=rows"
    assert httpx.post(url, content=lines, headers=headers).status_code == 202
    assert httpx.post(url, content=lines.replace("line-1", "line-4"), headers=headers).status_code == 422

    listed = upheld(place, "ingest", "dead-letters", "--reason", "refused")
    letter = re.findall(r"DL-[0-9A-F]{16}", listed.stdout)[0]
    assert max(map(len, listed.stdout.splitlines())) <= 80
    assert "unknown service 'line-3': no agreement in force names it" in " ".join(listed.stdout.split())
    replayed = upheld(place, "ingest", "replay", letter)
    assert replayed.returncode == 1
    assert "waits on, refused: row 1: service: unknown service 'line-2'" in replayed.stdout
    (directory / "portfolio.yaml").write_text(PORTFOLIO.replace("[line-1]", "[line-1, line-2, line-3]"))
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    replayed = upheld(place, "ingest", "replay", "--all")
    assert (replayed.returncode, replayed.stdout) == (0, f"{letter}: 2 measurements taken; replayed\n")
    assert upheld(place, "ingest", "replay", "--all").stdout == "none waits\n"
    assert upheld(place, "ingest", "discard", letter).returncode == 2
    assert upheld(place, "ingest", "replay", letter, "--all").returncode == 2


def test_senders_are_listed_in_eighty_columns(place):
    directory, environment = place
    (directory / "portfolio.yaml").write_text(PORTFOLIO)
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    headers = {"Authorization": f"Bearer {environment['UPHELD_KEY']}", "Content-Type": "application/x-ndjson"}
    url = f"{environment['UPHELD_URL']}/v1/measurements?mode=rows"
    line = '{"service": "line-1", "metric": "up", "time": "2026-06-02T00:00:00Z", "value": 1}\n'
    for sent in (line, line, line.replace("1}", "0}"), line + line.replace("line-1", "line-[bold]-of-a-long-name")):
        assert httpx.post(url, content=sent, headers=headers).status_code == 202
    listed = upheld(place, "ingest", "senders")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert max(map(len, listed.stdout.splitlines())) <= 80
    words = " ".join(listed.stdout.split())
    for told in ("first key", "1 repeated", "2 in conflict", "refused", "d behind", "row 2: service:", "names it"):
        assert told in words, listed.stdout


PLAYBOOKS = """
playbooks:
  - id: gold
    when: {kind: violation}
    steps:
      - {id: ticket, do: ticket, owner: noc, within: 15m}
      - {id: chief, do: escalate, level: 1, wait: 1h, unless: restored}
"""


def test_playbooks_are_checked_put_in_force_and_rehearsed_with_a_case(place):
    directory, environment = place
    (directory / "playbooks.yaml").write_text(PLAYBOOKS)
    (directory / "wrong.yaml").write_text(PLAYBOOKS.replace("ticket,", "tickt,", 1).replace("do: ticket", "do: tikcet"))
    assert upheld(place, "apply", "portfolio.yaml").returncode == 0
    checked = upheld(place, "playbook", "check", "playbooks.yaml")
    assert checked.stdout == "playbooks.yaml: 1 playbook with 2 steps, no fault\n"
    wrong = upheld(place, "playbook", "check", "wrong.yaml")
    assert wrong.returncode == 2
    assert "wrong.yaml:6: playbooks[0].steps[0].do: 'tikcet' is not " in wrong.stderr
    applied = upheld(place, "playbook", "apply", "playbooks.yaml")
    assert applied.stdout == "playbooks.yaml is in force as version 1\n"
    for command in (checked, applied):
        assert "no playbook has event escalated: when a customer says" in command.stderr
        assert "deals with credits" not in command.stderr
    (directory / "mixed.yaml").write_text(PLAYBOOKS + "      - {id: proposal, do: propose_credit}\n")
    mixed = upheld(place, "playbook", "check", "mixed.yaml")
    assert mixed.returncode == 0
    assert "playbook gold deals with credits, so each case of an outage has its steps for itself" in mixed.stderr
    api = httpx.Client(
        base_url=environment["UPHELD_URL"], headers={"Authorization": f"Bearer {environment['UPHELD_KEY']}"}
    )
    now = int(time.time())
    values = [
        {
            "service": "line-1",
            "metric": "up",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 60 * n)),
            "value": 0,
        }
        for n in range(1, 90)
    ]
    lines = "".join(json.dumps(value) + "\n" for value in values)
    sent = api.post("/v1/measurements", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert sent.status_code == 202, sent.text
    deadline = time.monotonic() + 60
    while not (found := api.get("/v1/cases").json()["cases"]):
        assert time.monotonic() < deadline, "no case was opened"
        time.sleep(0.2)
    case = found[0]["id"]
    rehearsed = upheld(place, "playbook", "test", "playbooks.yaml", "--server", case, COLUMNS="80")
    assert rehearsed.returncode == 0, rehearsed.stderr
    lines = rehearsed.stdout.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ opened", lines[0])
    assert [lines[1], lines[3]] == ["  gold/ticket: ticket to tickets", "  gold/chief: escalate to tickets"]
    assert lines[2].endswith(", owner noc")
    assert max(map(len, lines)) <= 80
    (directory / "case.json").write_text(api.get(f"/v1/cases/{case}").text)
    with_case = ("playbook", "test", "playbooks.yaml", "--case", "case.json")
    of_file = upheld(place, *with_case, "--agreements", "portfolio.yaml", COLUMNS="80")
    assert of_file.stdout == rehearsed.stdout
    assert "no --agreements" not in of_file.stderr
    assert "no --agreements: every hour counts" in upheld(place, *with_case).stderr
    (directory / "none.yaml").write_text(PLAYBOOKS.replace("violation", "no_data"))
    none = upheld(place, "playbook", "test", "none.yaml", "--case", "case.json")
    why = "  gold: kind did not hold when opened happened\n"
    assert (none.returncode, none.stdout) == (1, f"no playbook begins in case {case}\n{why}")
    (directory / "case.json").write_text("{}")
    broken = upheld(place, "playbook", "test", "playbooks.yaml", "--case", "case.json")
    assert broken.returncode == 2
    assert "case.json: events: is missing" in broken.stderr
    assert upheld(place, "playbook", "test", "playbooks.yaml").returncode == 2


def test_a_topology_is_applied_shown_and_asked(place):
    directory, _ = place
    upheld(place, "apply", "portfolio.yaml")
    assert "no topology was put in force: of resources" in upheld(place, "topology", "show").stderr
    (directory / "lines.csv").write_text("dependent,on,redundancy\nline-1,fibre-1,pair\nline-1,fibre-2,pair\n")
    (directory / "fibres.yaml").write_text("dependencies: [{of: fibre-1, on: [duct]}, {of: fibre-2, on: [duct]}]\n")
    applied = upheld(place, "topology", "apply", "lines.csv", "fibres.yaml")
    assert applied.stdout == (
        "1 service, 3 resources, 4 dependencies, 2 of them redundant are in force as version 1\n"
    ), applied.stderr
    shown = upheld(place, "topology", "show").stdout
    assert json.loads(shown)["dependencies"][0]["on"] == ["fibre-1", "fibre-2"]
    (directory / "shown.json").write_text(shown)
    assert "as version 1" in upheld(place, "topology", "apply", "shown.json").stdout
    assert upheld(place, "topology", "impact", "fibre-1", "--at", "2026-06-01T00:00:00Z").stdout.splitlines() == [
        "fibre-1 at 2026-06-01T00:00:00Z",
        "0 services hit",
        "0 customers hit",
        "1 service without redundancy: line-1",
        "1 customer without redundancy: acme",
    ]
    assert "1 service hit: line-1" in upheld(place, "topology", "impact", "duct").stdout
    unknown = upheld(place, "topology", "impact", "nothing")
    assert (unknown.returncode, "'nothing'" in unknown.stderr) == (2, True)
