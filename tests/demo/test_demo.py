"""`upheld demo`, as `make run` starts it: a service breaks, and its customer is asked."""

import mailbox
import re
import socket
import subprocess
import sys
import time

import httpx
import pytest

PATIENCE = 120


@pytest.mark.timeout(240)
def test_a_service_breaks_and_its_customer_is_asked(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "upheld.cli", "demo", "--port", str(port), "--directory", str(tmp_path / "demo")]
    with (tmp_path / "output").open("wb") as output:
        demo = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait(lambda: "Upheld is running" in (tmp_path / "output").read_text(), PATIENCE, tmp_path)
        key = re.findall(r"uph_[\w-]+", (tmp_path / "output").read_text())[0]
        api = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"})
        _wait(lambda: _kinds(api) == {"violation"}, PATIENCE, tmp_path)
        _wait(lambda: _states(api) == {"confirming"}, PATIENCE, tmp_path)
        _wait(lambda: _asked(tmp_path), PATIENCE, tmp_path)
        earned = {
            a["agreement"]: a["earned"]
            for work in api.get("/v1/maintenance").json()["maintenance"]
            for a in api.get(f"/v1/maintenance/{work['id']}").json()["announcements"]
        }
    finally:
        demo.terminate()
        demo.wait(timeout=30)
    assert earned == {"acme-vpn-gold": True, "riverbank-branches": False}


def _cases(api):
    return api.get("/v1/cases").json()["cases"]


def _kinds(api):
    return {case["kind"] for case in _cases(api)}


def _states(api):
    return {case["state"] for case in _cases(api)}


def _asked(directory):
    mails = mailbox.Maildir(str(directory / "demo" / "mail"))
    return any("noc@acme.example" in mail["To"] and "/confirm/" in mail.as_string() for mail in mails)


def _wait(holds, seconds, directory):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, (directory / "output").read_text()
        time.sleep(0.2)
