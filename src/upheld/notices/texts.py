"""The texts of notices: one Jinja template for each kind and language, rendered as plain text and as HTML.

A language is a folder under templates/ and an entry in `formats.LOCALES`. The words stand once, in
`templates/<language>/<kind>.jinja`; `layout.txt` and `layout.html` with their `parts` make the two forms of them. Data
is escaped in HTML and reduced to one line everywhere. Pure: every instant is an argument.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from upheld.notices import formats
from upheld.notices.formats import one_line
from upheld.notices.model import NoticeKind

TEMPLATES = Path(__file__).parent / "templates"
SUBJECT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered notice. `subject` is one line without control characters, so that it cannot carry a header."""

    subject: str
    text: str
    html: str


def render(kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    """The notice of `kind` for `context["reader"]` (a `formats.Reader`). What else the context holds is made by
    `facts.case_context` or `facts.maintenance_context`; a missing name is a defect and raises."""
    return _render(kind, kind, context)


def render_gathered(kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    """The notice of `kind` of several cases of one problem, of a context that `facts.problem_context` made."""
    return _render("problem", kind, context)


def _render(template: str, kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    name = f"{context['reader'].language}/{template}.jinja"
    plain = _environment(False).get_template(name)
    values = {**context, "kind": kind}
    text = plain.render(values, layout="layout.txt", parts="parts.txt")
    html = _environment(True).get_template(name).render(values, layout="layout.html", parts="parts.html")
    return Text(_subject(plain, values), _close_gaps(text), _close_gaps(html, 1))


def _subject(template: Template, values: Mapping[str, Any]) -> str:
    context = template.new_context({**values, "layout": "layout.txt", "parts": "parts.txt"})
    subject = one_line("".join(template.blocks["subject"](context)))
    return subject if len(subject) <= SUBJECT_LENGTH else subject[: SUBJECT_LENGTH - 1] + "…"


@cache
def _environment(html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=html,  # noqa: S701  # plain text has nothing to escape; HTML is escaped
        undefined=StrictUndefined,
        lstrip_blocks=True,
    )
    environment.filters["squeeze"] = _squeeze
    environment.filters["one_line"] = one_line
    environment.filters["close_gaps"] = _close_gaps
    for name in ("moment", "span", "span_utc", "duration", "whole", "money"):
        environment.filters[name] = _for_reader(getattr(formats, name))
    return environment


def _squeeze(text: str) -> str:
    """On one line, whatever line ends the template has; what is marked as safe HTML stays so."""
    squeezed = " ".join(text.split())
    return Markup(squeezed) if isinstance(text, Markup) else squeezed  # noqa: S704  # was safe before


def _close_gaps(text: str, line_ends: int = 2) -> str:
    """At most `line_ends` line ends in a row, and one at the end: the lines of template tags leave no trace."""
    return re.sub(r"\n(?:[ \t]*\n)+", "\n" * line_ends, text.strip()) + "\n"


def _for_reader(format_: Any) -> Any:
    """A filter that formats for the reader of the text."""

    @pass_context
    def filter_(context: Context, *values: Any) -> str:
        return str(format_(*values, context["reader"]))

    return filter_
