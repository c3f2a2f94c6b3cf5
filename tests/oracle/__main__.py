"""`python -m oracle N SEED`, from tests/: compares the oracle, the reference and the fast model on N random worlds."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.progress import track

from oracle import Question, ask, connect, differences, unknown
from upheld.assessment import advance, reference
from upheld.measurements.model import to_table

sys.path.append(str(Path(__file__).parents[1] / "laws"))
from worlds import World, worlds

BATCH = 50


def random_worlds(number: int, random_seed: int) -> list[World]:
    """`number` worlds, the same for a seed."""
    drawn: list[World] = []

    @seed(random_seed)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds())
    def draw(world: World) -> None:
        drawn.append(world)

    draw()
    return drawn[:number]


def compare(connection: duckdb.DuckDBPyConnection, batch: list[World]) -> Iterator[tuple[World, int, list[str]]]:
    """Of each world: the number of verdicts compared, and what differs between the three models."""
    questions = [question(world) for world in batch]
    for world, asked, answers in zip(batch, questions, ask(connection, questions), strict=True):
        given_alike = {"since": world.since, "lateness": world.lateness}
        plain = reference.assess(asked.terms, world.measurements, world.exclusions, world.as_of, **given_alike)
        table = to_table(world.measurements)
        fast = advance.assess(asked.terms, table, world.exclusions, world.as_of, **given_alike)
        found = [f"reference: {line}" for line in differences(asked, answers, plain)]
        found += [f"fast: {line}" for line in differences(asked, answers, fast)]
        yield world, len(plain), found


def question(world: World) -> Question:
    terms = tuple(term for term in world.terms if unknown(term) is None)
    return Question(terms, world.measurements, world.exclusions, world.as_of, world.since, world.lateness)


def main(number: int, random_seed: int) -> int:
    connection, begun, verdicts, differing = connect(), time.monotonic(), 0, 0
    for first in track(range(0, number, BATCH), description="comparing"):
        batch = random_worlds(min(BATCH, number - first), random_seed + first)
        for world, compared, found in compare(connection, batch):
            verdicts += compared
            differing += bool(found)
            if found and differing <= 5:
                print(*found, world, "", sep="\n")
    seconds = time.monotonic() - begun
    print(f"{number:,} worlds, {verdicts:,} verdicts, each of three models, in {seconds:.0f} s")
    print(f"{differing:,} worlds differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
