"""The lifecycle in the documentation is the one in the code."""

from pathlib import Path

import yaml

from upheld.agreements.notice_terms import Handling
from upheld.agreements.units import HOUR
from upheld.cases.lifecycle import diagram

PAGE = (Path(__file__).parents[2] / "docs" / "handling.md").read_text()


def test_the_diagram_is_the_table_of_moves() -> None:
    assert f"```mermaid\n{diagram()}\n```" in PAGE


def test_the_example_promises_what_is_said_of_it() -> None:
    example = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    handling = Handling(**example["handling"])
    assert (handling.fixed_within, handling.update_every) == (4 * HOUR, HOUR)
