"""The templates of notices: those that are shipped, and a provider's own in their place, in Jinja's sandbox.

Both are read once and stay as they were read: a file that is changed later changes no notice before it has been
checked, which is done where a server starts (`readers.templates`). A version is a hash of all that a text is made of.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FunctionLoader, StrictUndefined, Template, TemplateNotFound, meta, pass_context
from jinja2.nodes import Const, Extends
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from upheld.notices import formats
from upheld.notices.formats import one_line

TEMPLATES = Path(__file__).parent / "templates"
SHIPPED = "shipped/"
"""Before a name: the template as it is shipped, for an own one that changes only some of its blocks."""
PROVIDERS = "providers/"
"""Before the id of a provider: where the templates of its own lie among those of an installation."""
LAYOUT = ("layout.html", "layout.txt", "parts.html", "parts.txt")
"""What templates are built on by a name that is a value, which their text does not show."""

_BLANKS = re.compile(r"[ \t\r\n\f\v]+")
_GAPS = re.compile(r"\n(?:[ \t]*\n)+")


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text, and the file that it was read from."""

    text: str
    file: str


class Templates:
    """Templates by name, such as `de/violation.jinja`. `own` takes the place of what is shipped under the same name;
    under `providers/<id>/` it does so for one provider only. `strict`: what an own one fails with is raised, and not
    made good by what is shipped."""

    def __init__(self, own: Mapping[str, Source] | None = None, *, strict: bool = False) -> None:
        self.own = dict(own or {})
        self.strict = strict
        self._providers = {name.split("/")[1] for name in self.own if name.startswith(PROVIDERS)}
        self._environments: dict[tuple[str, bool], ImmutableSandboxedEnvironment] = {}
        self._found: dict[tuple[str, str, bool], Template] = {}
        self._built_on: dict[tuple[str, str], tuple[str, ...]] = {}
        self._lineages: dict[tuple[str, str], list[Template]] = {}
        self._versions: dict[tuple[str, str], str] = {}

    def get(self, name: str, provider: str | None, html: bool) -> Template:
        """The template that a provider's notices are made of. Raises jinja2.TemplateError."""
        key = (self._folder(provider), name, html)
        if key not in self._found:
            self._found[key] = self.environment(provider, html).get_template(name)
        return self._found[key]

    def block(self, name: str, block: str, provider: str | None, values: Mapping[str, Any]) -> str:
        """A block alone, as plain text, of a template or of one that it extends by name; empty where there is none."""
        first, *others = self._lineage(name, provider)
        context = first.new_context(dict(values))
        for parent in others:
            for one, written in parent.blocks.items():
                context.blocks.setdefault(one, []).append(written)
        return "".join(context.blocks[block][0](context)) if block in context.blocks else ""

    def _lineage(self, name: str, provider: str | None) -> list[Template]:
        key = (self._folder(provider), name)
        if key not in self._lineages:
            parsed = self.environment(provider, False).parse(self.source(name, provider).text)
            above = next((e.template.value for e in parsed.find_all(Extends) if isinstance(e.template, Const)), None)
            parents = [] if above is None else self._lineage(above, provider)
            self._lineages[key] = [self.get(name, provider, False), *parents]
        return self._lineages[key]

    def version(self, name: str, provider: str | None) -> str:
        """`de/violation 0f3a5b…`: which template, and a hash of its text and of all texts that it is built on."""
        key = (self._folder(provider), name)
        if key not in self._versions:
            used = self.built_on(name, provider)
            written = "\0".join(f"{one}\0{self.source(one, provider).text}" for one in used)
            self._versions[key] = f"{name.removesuffix('.jinja')} {sha256(written.encode()).hexdigest()[:16]}"
        return self._versions[key]

    def source(self, name: str, provider: str | None) -> Source:
        """Raises jinja2.TemplateNotFound."""
        found = None
        if name.startswith(SHIPPED):
            found = _shipped().get(name.removeprefix(SHIPPED))
        else:
            names = (f"{self._folder(provider)}{name}", name)
            found = next((self.own[one] for one in names if one in self.own), None) or _shipped().get(name)
        if found is None:
            raise TemplateNotFound(name)
        return found

    def built_on(self, name: str, provider: str | None) -> tuple[str, ...]:
        """The names of a template and of all that it extends, imports and includes, each once."""
        key = (self._folder(provider), name)
        if key not in self._built_on:
            found, open_ = {name}, [name]
            while open_:
                parsed = self.environment(provider, False).parse(self.source(open_.pop(), provider).text)
                for used in meta.find_referenced_templates(parsed):
                    new = {*LAYOUT} - found if used is None else {used} - found
                    found |= new
                    open_ += new
            self._built_on[key] = tuple(sorted(found))
        return self._built_on[key]

    def environment(self, provider: str | None, html: bool) -> ImmutableSandboxedEnvironment:
        key = (self._folder(provider), html)
        if key not in self._environments:
            self._environments[key] = self._environment(provider, html)
        return self._environments[key]

    def _folder(self, provider: str | None) -> str:
        """Where a provider's own templates lie; "" where it has none."""
        return f"{PROVIDERS}{provider}/" if provider in self._providers else ""

    def _environment(self, provider: str | None, html: bool) -> ImmutableSandboxedEnvironment:
        def load(name: str) -> tuple[str, str, None]:
            found = self.source(name, provider)
            return found.text, found.file, None

        environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([FunctionLoader(load)]),
            autoescape=html,
            undefined=StrictUndefined,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        del environment.filters["safe"]  # data that is marked as safe would act as markup
        environment.filters["squeeze"] = squeeze
        environment.filters["one_line"] = one_line
        environment.filters["paragraphs"] = paragraphs
        environment.filters["close_gaps"] = close_gaps
        environment.filters["wordwrap"] = wrap
        for name in ("moment", "span", "spans", "span_utc", "duration", "whole", "money"):
            environment.filters[name] = _for_reader(getattr(formats, name))
        return environment


_read: dict[str, Source] = {}


def _shipped() -> dict[str, Source]:
    if not _read:
        for path in sorted(p for p in TEMPLATES.rglob("*") if p.is_file()):
            _read[path.relative_to(TEMPLATES).as_posix()] = Source(path.read_text("utf-8"), str(path))
    return _read


def shipped_names() -> tuple[str, ...]:
    return tuple(_shipped())


AS_SHIPPED = Templates(strict=True)
_in_use = AS_SHIPPED


def in_use() -> Templates:
    """What notices are written with."""
    return _in_use


def put_in_use(templates: Templates) -> None:
    """From now on all notices of this process are written with these: the words of an installation are settled once,
    where it is wired, as those that are shipped are by the code."""
    global _in_use
    _in_use = templates


# -- filters --------------------------------------------------------------------------------------------------------


def squeeze(text: str) -> str:
    """On one line, whatever line ends the template has, with the blanks that do not break kept; what is marked as safe
    HTML stays so."""
    squeezed = _BLANKS.sub(" ", text).strip(" ")
    return Markup(squeezed) if isinstance(text, Markup) else squeezed  # noqa: S704  # was safe before


def paragraphs(text: str) -> list[list[str]]:
    """The lines of each paragraph: an empty line ends one."""
    return [part.splitlines() for part in _GAPS.split(text.strip())]


def close_gaps(text: str, line_ends: int = 2) -> str:
    """At most `line_ends` line ends in a row, and one at the end: the lines of template tags leave no trace."""
    return _GAPS.sub("\n" * line_ends, text.strip()) + "\n"


def wrap(text: str, width: int) -> str:
    """The words of one line on lines of at most `width` characters; a word that is longer has a line of its own."""
    if len(text) <= width:
        return text
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def _for_reader(format_: Any) -> Any:
    """A filter that formats for the reader of the text."""

    @pass_context
    def filter_(context: Context, *values: Any) -> str:
        return str(format_(*values, context["reader"]))

    return filter_
