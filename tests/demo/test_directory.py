"""What the demonstration empties is its own; and it does not go on without its provider."""

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from upheld.agreements.units import MINUTE
from upheld.demo import run
from upheld.demo.plan import plan
from upheld.demo.provider import Provider
from upheld.demo.run import MARKER, Broken, Unusable, clear, run_demo


def test_a_new_directory_is_made_and_an_earlier_one_emptied(tmp_path):
    directory = tmp_path / "var" / "demo"
    clear(directory)
    (directory / "upheld.db").write_text("old")
    (directory / "mail" / "new").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (directory / "link").symlink_to(outside)
    clear(directory)
    assert [entry.name for entry in directory.iterdir()] == [MARKER]
    assert (outside / "kept").exists()


def test_an_empty_directory_is_taken(tmp_path):
    clear(tmp_path)
    assert (tmp_path / MARKER).exists()


def test_a_directory_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    command = [sys.executable, "-m", "upheld.cli", "demo", "--port", "0", "--directory", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"upheld: {tmp_path} is not empty and not of an earlier demonstration: empty it, or give another directory "
        "with --directory\n"
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Unusable, match="--directory"):
            clear(directory)
    assert (tmp_path / "file").is_file()


@pytest.mark.parametrize("step", ["deliver_history", "stream"])
def test_where_delivering_fails_the_demonstration_ends_and_says_so(tmp_path, monkeypatch, step):
    """The provider's key is refused, as by a server that is not the demonstration's."""

    def locked_out(provider, *_):
        provider._http.headers["Authorization"] = "Bearer uph_" + "x" * 43
        return delivering(provider, *_)

    delivering = getattr(Provider, step)
    monkeypatch.setattr(Provider, step, locked_out)
    monkeypatch.setattr(run, "plan", _young_month)
    with pytest.raises(Broken, match=r"could not deliver: .*401"):
        run_demo(tmp_path / "demo", "127.0.0.1", 0, Console(file=io.StringIO()))


def _young_month(began, portfolio):
    """A plan with a short history, which is delivered fast."""
    return replace(plan(began, portfolio), history=began - 10 * MINUTE)
