"""The tour of the README, as a newcomer takes it: its files are those that are shipped, and its commands do what it
says."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

HOUSE = Path(__file__).parents[2]
README = (HOUSE / "README.md").read_text()
TOUR = README[README.index("## A tour") : README.index("## Where to read on")]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TOUR, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """The commands of a block, each on one line and without its comment."""
    lines = block.replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+#.*$", "", line).strip() for line in lines]


FILE_COMMANDS = [c for kind, block in BLOCKS if kind == "sh" and "serve" not in block for c in commands(block)]
(SERVER_BLOCK,) = [commands(block) for kind, block in BLOCKS if kind == "sh" and "serve" in block]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A folder that looks like a fresh checkout after its setup: the tour's files, and the commands in .venv/bin."""
    directory = tmp_path_factory.mktemp("house")
    (directory / "docs").symlink_to(HOUSE / "docs")
    (directory / ".venv").mkdir()
    (directory / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return directory


def run(command, house, **environment):
    return subprocess.run(
        command, shell=True, cwd=house, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_what_the_readme_shows_is_what_is_shipped():
    shown = [block for kind, block in BLOCKS if kind == "yaml"]
    assert shown == [(HOUSE / "docs" / "tour" / name).read_text() for name in ("gold.yaml", "june.yaml")]


def test_every_file_that_the_tour_names_is_there():
    named = set(re.findall(r"docs/tour/[\w.]+", TOUR))
    assert named >= {f"docs/tour/{n}" for n in ("gold.yaml", "june.yaml", "measurements.csv", "exclusions.csv")}
    assert all((HOUSE / name).is_file() for name in named)


SAID = {
    "test docs/tour/june.yaml": (0, "1 as expected"),
    "assess docs/tour/gold.yaml docs/tour/measurements.csv": (1, "violated"),
    "assess docs/tour/gold.yaml docs/tour/measurements.csv --exclusions docs/tour/exclusions.csv": (1, "at risk"),
    "assess docs/tour/gold.yaml docs/tour/measurements.csv --exclusions docs/tour/exclusions.csv --format json": (
        1,
        '"planned_maintenance"',
    ),
}


@pytest.mark.parametrize("command", FILE_COMMANDS)
def test_a_command_on_files_does_what_the_tour_says(house, command):
    status, said = SAID[command.removeprefix(".venv/bin/upheld ")]
    done = run(command, house)
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr


def test_the_agreement_is_the_same_in_both_files():
    from upheld.readers.portfolio import read_portfolio

    (plain,) = read_portfolio(HOUSE / "docs" / "tour" / "gold.yaml").agreements
    (full,) = read_portfolio(HOUSE / "docs" / "tour" / "portfolio.yaml").agreements
    for name in ("id", "customer", "time_zone", "valid", "services", "objectives", "charge"):
        assert getattr(plain, name) == getattr(full, name), name


@pytest.mark.timeout(180)
def test_the_server_tells_the_customer_what_the_tour_says(house):
    relay, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    own = {"UPHELD_PORT": str(port), "UPHELD_URL": url, "UPHELD_DRAIN": "0", "PYTHONUNBUFFERED": "1"}
    output = house / "output"
    said, running = {}, []
    try:
        for command in SERVER_BLOCK:
            command = command.replace("8025", str(relay))
            if command.endswith("&"):
                running.append(in_background(command, house, output, own))
            elif command.startswith("export UPHELD_KEY="):
                wait_for(lambda: is_ready(url), output)
                own["UPHELD_KEY"] = re.findall(r"uph_[\w-]+", output.read_text())[0]
            elif "maintenance list" in command:
                wait_for(lambda c=command: "earned" in said_by(c, house, own, said), output)
            else:
                said_by(command, house, own, said)
        cancellation = "Subject: Cancelled: "
        wait_for(lambda: cancellation in output.read_text(), output)
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            process.wait(timeout=30)
    assert list(said) == ["apply", "maintenance add", "maintenance list", "maintenance cancel"]
    assert said["apply"] == "docs/tour/portfolio.yaml is in force as version 1\n"
    assert "recorded  noc@acme.example" in said["maintenance add"]
    assert "acme-vpn-gold: earned: announced " in said["maintenance list"]
    assert said["maintenance cancel"] == "CHG-7 is cancelled; 1 notice on the way\n"
    assert "Subject: Planned maintenance 2 June 2030, 00:00 CEST" in re.sub(r"\n[ \t]", " ", output.read_text())
    assert "To: noc@acme.example" in output.read_text()


def said_by(command, house, environment, said):
    done = run(command, house, **environment)
    assert done.returncode == 0, done.stderr
    said[re.findall(r"upheld (apply|maintenance \w+)", command)[0]] = done.stdout
    return done.stdout


def in_background(command, house, output, environment):
    with output.open("ab") as stream:
        return subprocess.Popen(
            command.removesuffix("&"),
            shell=True,
            cwd=house,
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def wait_for(holds, output):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.2)


def is_ready(url):
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.HTTPError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
