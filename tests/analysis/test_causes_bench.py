"""`bench/causes.py` over two issues of the PetShop data set: what it prints, and what it says of a wrong folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "petshop"


def bench(data: Path, *more: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bench" / "causes.py"), "--data", str(data), *more]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_it_prints_shares_for_each_ranking_over_all_and_by_scenario_and_metric(tmp_path: Path) -> None:
    done = bench(DATA, "--split", "train", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["ours", "correlation", "traversal"]
    right = {"top1": 1.0, "top3": 1.0}
    one = {**right, "issues": 1}
    assert found["ours"] == {**right, "issues": 2, "by": {"low_traffic": {"availability": one, "latency": one}}}
    assert all(0 <= found[name]["top1"] <= found[name]["top3"] <= 1 for name in ("correlation", "traversal"))


def test_a_real_issue_is_explained() -> None:
    done = bench(DATA, "--explain")
    assert "low_traffic/issue_1: PetSite latency, caused by PetSearch_AWS::ECS::Fargate\n  1. PetSearch_" in done.stdout
    assert "latency went from 0.00889 s to 0.0161 s while PetSite was bad" in done.stdout


def test_it_does_without_normal_operation(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("noissue"))
    found = json.loads(bench(tmp_path / "data").stdout)
    assert found["ours"]["top3"] == 1.0


def test_a_wrong_folder_is_named() -> None:
    done = bench(DATA, "--split", "test9")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"causes: {DATA}: no <scenario>/test9/<issue>/ in it\n"


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    metrics = tmp_path / "data" / "low_traffic" / "train" / "issue_1" / "metrics.csv"
    lines = metrics.read_text().splitlines()
    lines[4] = "soon," + lines[4].split(",", 1)[1]
    metrics.write_text("\n".join(lines))
    done = bench(tmp_path / "data")
    assert (done.returncode, done.stderr) == (2, f"causes: {metrics}:5: 'soon' is not a number\n")


def test_the_simulated_issues_are_of_the_same_layout(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "bench" / "simulated_causes.py"),
        str(tmp_path),
        "--scenarios",
        "2",
        "--issues",
        "4",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = json.loads(bench(tmp_path).stdout)
    assert found["ours"]["issues"] == 8
    assert found["ours"]["top3"] >= 0.75
