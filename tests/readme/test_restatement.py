"""The worked example of a restatement: its commands print what the page says that they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PAGE = (HOUSE / "docs" / "restatement.md").read_text()
SHOWN = re.findall(r"^```sh\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), SHOWN)
def test_a_command_prints_what_the_page_shows(tmp_path, command, shown):
    (tmp_path / "docs").symlink_to(HOUSE / "docs")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")
    assert (done.stderr, printed) == ("", shown.rstrip("\n"))


def test_the_page_shows_the_report_of_the_day_that_of_today_and_the_history():
    assert [re.findall(r"--(?:known-at|history)", command) for command, _ in SHOWN] == [
        ["--known-at"],
        [],
        ["--history"],
    ]
