"""What every command says and how: exit statuses, faults, progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from upheld.readers.faults import InputError

ALL_MET, NOT_ALL_MET, WRONG_INPUT, UNREACHABLE = 0, 1, 2, 3


def instant(option: str, text: str | None) -> int | None:
    """The instant that an option gives, or None where it is not given; exits with what is wrong."""
    from upheld.agreements.units import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def input_exit(error: "InputError") -> typer.Exit:
    """Prints the faults of an input; raise what it returns."""
    typer.echo(str(error), err=True)
    return typer.Exit(WRONG_INPUT)


def refuse(sentence: str) -> NoReturn:
    """Says what is wrong and ends the command."""
    say(sentence)
    raise typer.Exit(WRONG_INPUT)


def say(sentence: str) -> None:
    """A sentence beside the output, on the standard error."""
    typer.echo(f"upheld: {sentence}", err=True)


def plural(number: int, word: str) -> str:
    """The word for that number of things."""
    return word if number == 1 else f"{word}s"


@contextmanager
def progress() -> "Iterator[Progress]":
    """A progress bar on the standard error, where that is a terminal; it is gone when the work is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress
