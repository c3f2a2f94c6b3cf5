"""What the pages of signed links say, in each language that notices are written in: `<language>.yaml` beside this file,
all with the same keys."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from upheld.readers import yaml_source

HERE = Path(__file__).parent


class Phrases:
    """The phrases of a language (a key of `notices.formats.LOCALES`): called with a key, such as `claim.title.open`,
    and what is put in for the words in braces, it gives the phrase as HTML, with what was put in escaped."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = phrases(language)

    def __call__(self, key: str, **values: Any) -> Markup:
        return Markup(self._texts[key]).format(**values)  # noqa: S704  # ours


@cache
def phrases(language: str) -> Mapping[str, str]:
    """Every phrase of a language, by its key."""
    text = (HERE / f"{language}.yaml").read_text("utf-8")
    return dict(_flat(yaml_source.parse_yaml(text, f"{language}.yaml").value, ""))


def _flat(found: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
