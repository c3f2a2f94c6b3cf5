"""Playbook files -> `Playbooks`."""

from pathlib import Path

from upheld.actions.playbook import Playbooks
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text


def parse_playbooks(text: str, name: str) -> Playbooks:
    """The text of a playbooks file -> the playbooks. Raises InputError with every fault, under the file's `name`."""
    return validate(Playbooks, parse_yaml(text, name))


def read_playbooks(path: Path) -> Playbooks:
    """As `parse_playbooks`, from a file."""
    return parse_playbooks(read_text(path), str(path))
