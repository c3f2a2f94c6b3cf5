"""Every language says what English says: each template with its blocks, its variables and its filters, in other words.

A new kind of notice needs: its template in every folder of src/upheld/notices/templates/, its example in
`upheld.notices.examples.EXAMPLES`, and its golden files (`UPHELD_RENEW_GOLDEN=1 pytest tests/golden`, then read them).
"""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from jinja2 import meta, nodes

from upheld.agreements.contacts import Language
from upheld.notices.examples import EXAMPLES, example
from upheld.notices.formats import LOCALES
from upheld.notices.templating import AS_SHIPPED, TEMPLATES

NEEDS = (
    "a template stands in the folder of every language (src/upheld/notices/templates/en, de, fr, es), with the same "
    "blocks, variables and filters; a new kind also needs its example in upheld/notices/examples.py and its golden "
    "files: UPHELD_RENEW_GOLDEN=1 pytest tests/golden"
)
OTHERS = [language for language in get_args(Language) if language != "en"]
NAMES = sorted(path.name for path in (TEMPLATES / "en").iterdir())
ENVIRONMENT = AS_SHIPPED.environment(None, False)


def tree(language: str, name: str) -> nodes.Template:
    return ENVIRONMENT.parse((TEMPLATES / language / name).read_text())


def stated(language: str, name: str) -> dict[str, set[str]]:
    """What a template is made of, apart from its words."""
    parsed = tree(language, name)
    own = {one.name for one in parsed.find_all(nodes.Name) if one.ctx == "store"}
    return {
        "blocks": {one.name for one in parsed.find_all(nodes.Block)},
        "macros": {one.name for one in parsed.find_all(nodes.Macro)},
        "variables": meta.find_undeclared_variables(parsed) - own,
        "filters": {one.name for one in parsed.find_all(nodes.Filter)},
        "fields": {one.attr for one in parsed.find_all(nodes.Getattr)},
        "compared with": {str(value) for value in _compared(parsed)},
        "built on": {
            str(one).replace(f"{language}/", "") for one in meta.find_referenced_templates(parsed) if one is not None
        },
    }


def stated_with_what_it_is_built_on(language: str, name: str) -> dict[str, set[str]]:
    """The same of a template and its parts together: by these another language may need to bend a word where English
    does not. What is a phrase of its own (a macro) is for each language to say."""
    names = [one for one in AS_SHIPPED.built_on(f"{language}/{name}", None) if one.startswith(f"{language}/")]
    found = [stated(language, one.removeprefix(f"{language}/")) for one in names]
    whole = {part: set().union(*(one[part] for one in found)) for part in found[0]}
    for one in names:  # what a phrase is looked up by is compared with as well
        pairs = tree(language, one.removeprefix(f"{language}/")).find_all(nodes.Pair)
        whole["compared with"] |= {str(pair.key.value) for pair in pairs if isinstance(pair.key, nodes.Const)}
    return whole


def _compared(parsed: nodes.Template) -> Iterator[Any]:
    for comparison in parsed.find_all(nodes.Compare):
        for constant in comparison.find_all(nodes.Const):
            if isinstance(constant.value, str):
                yield constant.value


def words(language: str, name: str) -> list[str]:
    """The words of a template that are long enough to be a language's own."""
    data = [one.data for one in tree(language, name).find_all(nodes.TemplateData)]
    return [line.strip() for text in data for line in text.splitlines() if len(line.split()) >= 3]


def test_there_are_texts_in_every_language_that_a_contact_may_have() -> None:
    folders = {path.name for path in TEMPLATES.iterdir() if path.is_dir()}
    assert set(LOCALES) == set(get_args(Language)) == folders, NEEDS


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_every_template(language: str) -> None:
    found = sorted(path.name for path in (TEMPLATES / language).iterdir())
    assert found == NAMES, f"{language}: {sorted(set(found) ^ set(NAMES))}: {NEEDS}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", OTHERS)
def test_a_template_says_what_the_english_one_says(language: str, name: str) -> None:
    ours, english, whole = stated(language, name), stated("en", name), stated_with_what_it_is_built_on("en", name)
    for part, wanted in english.items():
        missing, added = wanted - ours[part], ours[part] - whole[part] if part != "macros" else set()
        assert not missing, f"{language}/{name}: of the {part} of en/{name} it lacks {sorted(missing)}: {NEEDS}"
        assert not added, f"{language}/{name}: its {part} {sorted(added)} are not in en/{name}: {NEEDS}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", OTHERS)
def test_no_line_is_left_in_english(language: str, name: str) -> None:
    left = set(words(language, name)) & set(words("en", name))
    assert not left, f"{language}/{name}: {sorted(left)}"


def test_every_line_of_a_text_fits_a_terminal_in_every_language() -> None:
    for language in get_args(Language):
        for name in EXAMPLES:
            text = example(name, language).text
            long = [line for line in text.splitlines() if len(line) > 72 and "https://" not in line]
            assert not long, f"{language}, {name}: {long}"


def test_a_label_leaves_room_for_its_value() -> None:
    """In plain text the values stand in a column of their own, 20 characters in."""
    label = re.compile(r"^(\S.{0,40}?\u00a0?:)( *)\S", re.MULTILINE)
    for language in get_args(Language):
        for name in EXAMPLES:
            facts = example(name, language).text.split("\n\n")
            block = next((part for part in facts if re.search(r"^\S[^\n]*: {3,}\S", part, re.MULTILINE)), "")
            assert block or name == "digest", "a notice without facts"
            for label_, blanks in label.findall(block):
                assert len(label_) + len(blanks) == 20, f"{language}, {name}: {label_!r} is too long"


def test_french_puts_a_blank_that_does_not_break_before_its_marks() -> None:
    for path in sorted((TEMPLATES / "fr").iterdir()):
        data = "".join(one.data for one in tree("fr", path.name).find_all(nodes.TemplateData))
        broken = re.findall(r".{0,20} [:;?!].{0,10}", data)
        bare = re.findall(r".{0,20}[^\s\u00a0:/][;?!].{0,10}", data)
        assert not broken + bare, f"fr/{path.name}: write U+00A0 before the mark: {broken + bare}"


def test_html_names_the_language_that_it_is_in() -> None:
    for language in get_args(Language):
        assert all(f'<html lang="{language}">' in example(name, language).html for name in EXAMPLES)
