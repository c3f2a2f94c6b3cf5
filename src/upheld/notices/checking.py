"""Whether a provider's own texts can be sent: each parses, names only what there is, and renders every example.

A fault stops a server from starting, so that it never reaches a customer. Pure.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import get_args

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, meta, nodes

from upheld.agreements.contacts import Language
from upheld.notices.examples import EXAMPLES, PROVIDER, RECEIPT, Example
from upheld.notices.model import Notice
from upheld.notices.templating import AS_SHIPPED, PROVIDERS, Templates, in_use, put_in_use, shipped_names
from upheld.notices.texts import FOOT, letter

PART = "_"
"""The beginning of the names of files that other templates include, which are nobody's notice."""


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """`line` counts from 1; None where the whole file is meant."""

    file: str
    line: int | None
    message: str


def faults(templates: Templates) -> list[TemplateFault]:
    """What is wrong with the own texts among `templates`: of a line that fails in several examples, the first."""
    found = [fault for name in templates.own for fault in _read(name, templates)]
    if not found:
        first: dict[tuple[str, int | None], TemplateFault] = {}
        for fault in _rendered(templates):
            first.setdefault((fault.file, fault.line), fault)
        found = list(first.values())
    return found


def unprefixed(name: str) -> tuple[str | None, str]:
    """`providers/north/de/violation.jinja` -> (`north`, `de/violation.jinja`); a name without a provider with None."""
    _, provider, rest = name.split("/", 2) if name.startswith(PROVIDERS) and name.count("/") > 1 else ("", None, name)
    return provider, rest


def _read(name: str, templates: Templates) -> Iterator[TemplateFault]:
    source = templates.own[name]
    provider, plain = unprefixed(name)
    environment = templates.environment(provider, False)
    if plain not in shipped_names() and not plain.rpartition("/")[2].startswith(PART):
        near = get_close_matches(plain, shipped_names(), n=1, cutoff=0.8)
        meant = f" (did you mean {near[0]}?)" if near else ""
        yield TemplateFault(source.file, None, f"{plain} is no template of a notice{meant}; a part begins with {PART}")
        return
    try:
        parsed = environment.parse(source.text)
        undeclared = meta.find_undeclared_variables(parsed)
    except TemplateSyntaxError as error:
        yield TemplateFault(source.file, error.lineno, error.message or "cannot be read")
        return
    for modifier in parsed.find_all((nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)):
        yield TemplateFault(source.file, modifier.lineno, "autoescape: what is escaped is not for a text to say")
    for used in parsed.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        named = getattr(used, "template", None)
        if isinstance(named, nodes.Const) and not _is_there(named.value, templates, provider):
            yield TemplateFault(source.file, used.lineno, f"{named.value} is no template that there is")
    known = _known_names()
    for one in parsed.find_all(nodes.Name):
        if one.name in undeclared and one.name not in known:
            near = get_close_matches(one.name, known, n=1, cutoff=0.8)
            meant = f" (did you mean {near[0]}?)" if near else ""
            yield TemplateFault(source.file, one.lineno, f"{one.name} is no name that a notice has{meant}")


def _is_there(name: str, templates: Templates, provider: str | None) -> bool:
    try:
        templates.source(name, provider)
    except TemplateNotFound:
        return False
    return True


@cache
def _known_names() -> set[str]:
    """What the shipped templates name, in any language and kind, and the names that Jinja itself has."""
    environment = AS_SHIPPED.environment(None, False)
    known = set(environment.globals) | {"self", "super", "loop", "caller", "layout", "parts", "brand", "reader", "kind"}
    for name in shipped_names():
        known |= meta.find_undeclared_variables(environment.parse(AS_SHIPPED.source(name, None).text))
    return known


def _rendered(templates: Templates) -> Iterator[TemplateFault]:
    """Renders every example that an own text has a part in, for each provider that has texts of its own and for one
    that has none."""
    before = in_use()
    put_in_use(Templates(templates.own, strict=True))
    try:
        providers = dict.fromkeys(unprefixed(name)[0] for name in templates.own)
        for provider in providers:
            for language in get_args(Language):
                for name, one in EXAMPLES.items():
                    if _is_touched(templates, one, language, provider):
                        yield from _example(templates, name, one, language, provider)
    finally:
        put_in_use(before)


def _is_touched(templates: Templates, one: Example, language: Language, provider: str | None) -> bool:
    own = {source.file for source in templates.own.values()}
    used = (name for first in (*one.templates, FOOT) for name in templates.built_on(f"{language}/{first}", provider))
    return any(templates.source(name, provider).file in own for name in used)


def _example(
    templates: Templates, name: str, one: Example, language: Language, provider: str | None
) -> Iterator[TemplateFault]:
    try:
        notice = one.make(language, PROVIDER.model_copy(update={"id": provider or ""}))
        mail = letter(notice, RECEIPT, provider)
    except Exception as error:
        yield _where(templates, error, f"{name} in {language}")
        return
    if not notice.subject:
        file = templates.source(_template(notice), provider).file
        yield TemplateFault(file, None, f"{name} in {language} has no subject")
    link = notice.link
    if link is not None and not (link in notice.text and link in notice.html):
        file = templates.source(_template(notice), provider).file
        yield TemplateFault(file, None, f"{name} in {language} does not show its link: nobody could answer it")
    if link is None and not (RECEIPT in mail.text and RECEIPT in mail.html):
        file = templates.source(f"{language}/{FOOT}", provider).file
        why = f"{name} in {language} does not show its receipt: nobody could say that it was read"
        yield TemplateFault(file, None, why)


def _template(notice: Notice) -> str:
    return f"{(notice.text_version or '').split()[0]}.jinja"


def _where(templates: Templates, error: Exception, example: str) -> TemplateFault:
    """The last line of an own template that led to the error; else the last of any."""
    files = {source.file for source in templates.own.values()}
    frames = traceback.extract_tb(error.__traceback__)
    led = [frame for frame in frames if frame.filename in files] or frames
    line = error.lineno if isinstance(error, TemplateSyntaxError) else led[-1].lineno
    said = error.message if isinstance(error, TemplateError) and error.message else str(error)
    return TemplateFault(led[-1].filename, line, f"{type(error).__name__}: {said} (in the example {example})")
