"""Agreements files -> `Portfolio`."""

from pathlib import Path

from upheld.agreements.model import Portfolio
from upheld.readers.validation import validate
from upheld.readers.yaml_source import parse_yaml, read_text


def parse_portfolio(text: str, name: str) -> Portfolio:
    """The text of an agreements file -> the portfolio. Raises InputError with every fault, under the file's `name`."""
    return validate(Portfolio, parse_yaml(text, name))


def read_portfolio(path: Path) -> Portfolio:
    """As `parse_portfolio`, from a file."""
    return parse_portfolio(read_text(path), str(path))
