"""The page on working with agreements: its commands print what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
PAGE = (HOUSE / "docs" / "agreements.md").read_text()
SHOWN = re.findall(r"^```sh\n(.*?)\n```\n```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_shows_each_command():
    assert {command.split()[1] for command, _ in SHOWN} == {"import", "export", "lint", "whatif"}


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_prints_what_the_page_shows(command, output, tmp_path):
    environment = {**os.environ, "COLUMNS": "80", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    here = command.replace("/tmp/slo.yaml", str(tmp_path / "slo.yaml"))
    done = subprocess.run(here, shell=True, cwd=HOUSE, env=environment, capture_output=True, text=True, check=False)
    lines = [line.rstrip() for line in (done.stdout + done.stderr).strip("\n").splitlines()]
    assert [line for line in lines if line] == [line for line in output.splitlines() if line]
