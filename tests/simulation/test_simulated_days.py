"""Whole days with faults: see `simulation.days`. By hand: `make simulate DAYS=7 SEED=3`."""

from pathlib import Path

from simulation import simulate


def test_hours_full_of_faults_leave_nothing_lost_doubled_or_waiting(tmp_path: Path) -> None:
    days, found, counts = simulate(tmp_path, 0.25, seed=3)
    assert found == [], days.happened
    assert counts["cases"] > 5
    assert counts["problems"] > 0
    assert days.happened.kills > 0
    assert min(days.happened.works.values()) > 0
