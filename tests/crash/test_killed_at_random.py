"""Twenty kills at random instants; `make crash N=1000` by hand."""

from pathlib import Path

import pytest

from crash.killing import ordeal


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    found = ordeal(tmp_path, kills=20, seed=7)
    assert found.differences == []
    assert found.figures["batches acknowledged"] > 20
    assert found.figures["verdicts"] > 0
