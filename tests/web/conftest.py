"""The worlds that the pages are tested in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from a_morning import World


@pytest.fixture(scope="session")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world after the morning, only to be looked at."""
    world = World(tmp_path_factory.mktemp("morning") / "world")
    world.have_the_morning()
    yield world
    world.close()


@pytest.fixture
def world(morning: World, tmp_path: Path) -> Iterator[World]:
    """A world of the test's own after the same morning, to act in."""
    world = World(tmp_path / "world", after=morning)
    yield world
    world.close()
