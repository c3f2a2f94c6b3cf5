"""`python -m fuzz N [--seed SEED] [--only NAME] [--from NUMBER]`, from tests/: N hostile inputs, by decoder."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fuzz.targets import targets
from fuzz.worker import BOARD, input_of

TOO_LONG = 10.0
"""Seconds that one input may take."""
PATIENCE = 600.0
"""Seconds until the first: the code is compiled before, with checked indices each time anew."""
CHECKED = ("remote-write-1", "remote-write-2")
"""Those whose compiled code also runs with checked indices."""
FAULTS = Path("fuzz-faults")


@dataclass(frozen=True, slots=True)
class Part:
    """A decoder's inputs, from `first` to before `behind`."""

    name: str
    first: int
    behind: int
    checked: bool = False

    @property
    def title(self) -> str:
        return f"{self.name}, indices checked" if self.checked else self.name


def parts(number: int, only: str | None, first: int) -> list[Part]:
    """The inputs shared out among the decoders; those with checked indices are a tenth of the same decoder's."""
    shares = {name: target.share for name, target in targets().items() if only in (None, name)}
    each = {name: max(1, number * share // sum(shares.values())) for name, share in shares.items()}
    found = []
    for name, count in each.items():
        checked = count // 10 if name in CHECKED else 0
        found.append(Part(name, first, first + count - checked))
        if checked:
            found.append(Part(name, first + count - checked, first + count, checked=True))
    return found


def run(part: Part, seed: int, advanced: Any) -> dict[str, Any]:
    """What came of it, see `worker.run`; a process that ended or hung is a defect too."""
    with tempfile.TemporaryDirectory() as directory:
        board = Path(directory) / "board"
        board.write_bytes(bytes(BOARD.size))
        output = Path(directory) / "output"
        range_ = [str(part.first), str(part.behind), str(board)]
        command = [sys.executable, "-m", "fuzz.worker", part.name, str(seed), *range_]
        environment = dict(os.environ)
        if part.checked:
            command.append("checked")
            environment |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": directory}
        with output.open("wb") as sink:
            process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=environment)
        started = time.monotonic()
        while process.poll() is None:
            time.sleep(0.1)
            number, began, taken, refused = BOARD.unpack(board.read_bytes())
            advanced(taken + refused)
            since, most = (began, TOO_LONG) if began else (started, PATIENCE)
            if time.monotonic() - since > most:
                process.kill()
                process.wait()
                return {"defect": number, "said": f"took more than {TOO_LONG:.0f} s"}
        said = output.read_text(errors="replace")
        if process.returncode:
            number = BOARD.unpack(board.read_bytes())[0]
            return {"defect": number, "said": f"the process ended with status {process.returncode}\n{said[-4000:]}"}
    advanced(part.behind - part.first)
    answer: dict[str, Any] = json.loads(said.splitlines()[-1])
    return answer


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    console = Console()
    table = Table("decoder", "inputs", "taken", "refused", "inputs/s", "slowest", title="Hostile input")
    defects = 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        for part in parts(options.number, options.only, options.first):
            count = part.behind - part.first
            task = progress.add_task(part.title, total=count)
            began = time.monotonic()
            answer = run(part, options.seed, lambda done, task=task: progress.update(task, completed=done))
            rate = f"{count / (time.monotonic() - began):,.0f}"
            if "defect" in answer:
                defects += 1
                console.print(_report(part, options.seed, answer), highlight=False, markup=False)
                table.add_row(part.title, f"{count:,}", "-", "-", "-", "DEFECT")
                continue
            slowest = f"{answer['slowest'] * 1000:,.1f} ms (number {answer['slowest_number']})"
            table.add_row(part.title, f"{count:,}", f"{answer['taken']:,}", f"{answer['refused']:,}", rate, slowest)
    console.print(table)
    console.print(f"{defects} decoders with a defect" if defects else "no crash, no hang, no wrong answer")
    return 1 if defects else 0


def _report(part: Part, seed: int, answer: dict[str, Any]) -> str:
    FAULTS.mkdir(exist_ok=True)
    path = FAULTS / f"{part.name}-{seed}-{answer['defect']}"
    path.write_bytes(input_of(part.name, seed, answer["defect"]))
    again = f"python -m fuzz 1 --only {part.name} --seed {seed} --from {answer['defect']}"
    return f"{part.title}, input {answer['defect']} ({path}):\n{answer['said']}\nagain: {again}"


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=100_000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=1, help="other inputs")
    parser.add_argument("--only", choices=list(targets()), help="one decoder")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the number of the first input")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
