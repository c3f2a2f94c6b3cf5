"""Secrets in a declaration are references, `${NAME}` to the environment or `${file:PATH}` to a file: their values stand
in no declaration, and are looked up anew each time that they are used."""

import os
import re
from pathlib import Path

_REFERENCE = re.compile(r"\$\{(file:)?([^{}]+)\}")


class NoSecret(Exception):
    """A reference leads to nothing; `str()` says which."""


def resolved(text: str) -> str:
    """The text with every reference replaced by what it stands for. Raises NoSecret."""
    return _REFERENCE.sub(_value, text)


def _value(reference: re.Match[str]) -> str:
    in_file, name = reference.groups()
    try:
        return Path(name).read_text("utf-8").rstrip("\r\n") if in_file else os.environ[name]
    except KeyError:
        raise NoSecret(f"the environment variable {name} is not set") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise NoSecret(f"the file {name} cannot be read: {why}") from None


def check_reference(text: str) -> str:
    """A text that is one reference to a secret, which is there. The message of a ValueError never has the text."""
    if not _REFERENCE.fullmatch(text):
        raise ValueError("write a reference, ${NAME} to the environment or ${file:PATH} to a file, and not the secret")
    try:
        resolved(text)
    except NoSecret as error:
        raise ValueError(str(error)) from None
    return text
