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

from upheld.maintenance.calendar import EntryWords
from upheld.notices import formats
from upheld.notices.formats import one_line
from upheld.notices.model import NoticeKind

TEMPLATES = Path(__file__).parent / "templates"
SUBJECT_LENGTH = 200

_BLANKS = re.compile(r"[ \t\r\n\f\v]+")


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


def entry_words(context: Mapping[str, Any]) -> EntryWords:
    """What the calendar entry of a planned work says, of a context that `facts.maintenance_context` made."""
    reader = context["reader"]
    template = _environment(False).get_template(f"{reader.language}/calendar.jinja")
    lines = [one_line(line) for line in _block(template, "description", context).splitlines()]
    summary = one_line(_block(template, "summary", context))
    return EntryWords(summary, "\n".join(line for line in lines if line), reader.language)


def _render(template: str, kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    name = f"{context['reader'].language}/{template}.jinja"
    plain = _environment(False).get_template(name)
    values = {**context, "kind": kind, "colon": context["reader"].usage.colon}
    text = plain.render(values, layout="layout.txt", parts="parts.txt")
    html = _environment(True).get_template(name).render(values, layout="layout.html", parts="parts.html")
    return Text(_subject(plain, values), _close_gaps(text), _close_gaps(html, 1))


def _subject(template: Template, values: Mapping[str, Any]) -> str:
    subject = one_line(_block(template, "subject", {**values, "layout": "layout.txt", "parts": "parts.txt"}))
    return subject if len(subject) <= SUBJECT_LENGTH else subject[: SUBJECT_LENGTH - 1] + "…"


def _block(template: Template, name: str, values: Mapping[str, Any]) -> str:
    return "".join(template.blocks[name](template.new_context(dict(values))))


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
    for name in ("moment", "span", "spans", "span_utc", "duration", "whole", "money"):
        environment.filters[name] = _for_reader(getattr(formats, name))
    return environment


def _squeeze(text: str) -> str:
    """On one line, whatever line ends the template has, with the blanks that do not break kept; what is marked as safe
    HTML stays so."""
    squeezed = _BLANKS.sub(" ", text).strip(" ")
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
