"""The page on playbooks: what it shows can be put in force, and says what the code does."""

import re
from pathlib import Path
from typing import get_args

import pytest

from upheld.actions.playbook import DEFAULT, Do, Step, Trigger, When
from upheld.actions.runs import Verb
from upheld.readers.playbooks import parse_playbooks

PAGE = (Path(__file__).parents[2] / "docs" / "playbooks.md").read_text()
SHOWN = re.findall(r"^```yaml\n(playbooks:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_first_is_what_is_in_force_before_any_other():
    assert parse_playbooks(SHOWN[0], "page") == DEFAULT


@pytest.mark.parametrize("text", SHOWN[1:])
def test_the_others_can_be_put_in_force(text):
    assert parse_playbooks(text, "page")


def test_every_field_and_word_is_explained():
    for name in (*When.model_fields, *Step.model_fields, *get_args(Do), *get_args(Trigger), *get_args(Verb)):
        if name not in ("id", "do"):
            assert f"`{name}`" in PAGE or f"`{name}:" in PAGE, name
