"""The threads that keep the process going tell whether they do."""

import threading
import time
from collections.abc import Callable

import pytest

from upheld.background import Background


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_step_that_fails_is_tried_again_and_does_not_end_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upheld.background.PAUSE", 0.01)
    rounds: list[int] = []

    def step() -> int:
        rounds.append(1)
        if len(rounds) < 3:
            raise RuntimeError("the database is away")
        return 0

    running = Background({"part": step}, stuck_after=60)
    running.start()
    wait_until(lambda: len(rounds) >= 3)
    assert running.failing() == {}
    running.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_stuck_or_has_ended_is_named() -> None:
    go_on = threading.Event()

    def ending() -> int:
        raise SystemExit

    running = Background({"stuck": go_on.wait, "ended": ending, "well": lambda: 0}, stuck_after=0.9)
    running.start()
    wait_until(lambda: set(running.failing()) == {"stuck", "ended"})
    assert running.failing()["ended"] == "ended"
    assert "no sign of life for" in running.failing()["stuck"]
    assert running.silences()["stuck"] > 0.9
    go_on.set()
    running.stop()
    assert running.failing() == {}


def test_before_the_start_nothing_is_failing() -> None:
    assert Background({"part": lambda: 0}, stuck_after=1).failing() == {}
