"""The texts of notices: one Jinja template for each kind and language, rendered as plain text and as HTML.

A language is a folder under templates/ and an entry in `formats.LOCALES`. The words stand once, in
`templates/<language>/<kind>.jinja`; `layout.txt` and `layout.html` with their `parts` make the two forms of them. Data
is escaped in HTML and reduced to one line everywhere. A provider may have texts of its own (`templating`). Pure: every
instant is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from upheld.maintenance.calendar import EntryWords
from upheld.notices.consent import OPTIONAL
from upheld.notices.formats import one_line, usage
from upheld.notices.model import OWN_FAILED, Notice, NoticeKind
from upheld.notices.templating import AS_SHIPPED, Templates, close_gaps, in_use

SUBJECT_LENGTH = 200
FOOT = "foot.jinja"
"""The template, in the folder of each language, of what stands below a mail."""


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered notice. `subject` is one line without control characters, so that it cannot carry a header. `version`
    says which text it is, and `reply_to` where the provider wants answers."""

    subject: str
    text: str
    html: str
    version: str
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice as a mail shows it: its text and HTML with the foot on which its receiver can say something of it, at
    the address `receipt`. `own_failed`: why the provider's own foot could not be used."""

    text: str
    html: str
    receipt: str
    own_failed: str | None = None


def render(kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    """The notice of `kind` for `context["reader"]` (a `formats.Reader`). What else the context holds is made by
    `facts.case_context` or `facts.maintenance_context`; a missing name is a defect and raises."""
    return _render(kind, kind, context)


def render_gathered(kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    """The notice of `kind` of several cases of one problem, of a context that `facts.problem_context` made."""
    return _render("problem", kind, context)


def entry_words(context: Mapping[str, Any]) -> EntryWords:
    """What the calendar entry of a planned work says, of a context that `facts.maintenance_context` made."""
    own = in_use()
    try:
        return _entry_words(own, context)
    except Exception:
        if own.strict:
            raise
        return _entry_words(AS_SHIPPED, context)


def letter(notice: Notice, receipt: str, provider: str | None) -> Letter:
    """The notice with its foot, in its language and the words of the provider of that id. `receipt` is the signed link
    of this notice to this receiver, so it is no part of the text that is kept: others see that too."""
    own = in_use()
    try:
        return _letter(own, notice, receipt, provider)
    except Exception as fault:
        if own.strict:
            raise
        return replace(_letter(AS_SHIPPED, notice, receipt, provider), own_failed=_why(fault))


def _render(template: str, kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    """In the provider's own words; should they fail on what nobody has thought of, in those that are shipped, and the
    version says so: the customer is told in any case."""
    own = in_use()
    try:
        return _rendered(own, template, kind, context)
    except Exception as fault:
        if own.strict:
            raise
        shipped = _rendered(AS_SHIPPED, template, kind, context)
        return replace(shipped, version=f"{shipped.version}{OWN_FAILED}{_why(fault)}")


def _short(subject: str) -> str:
    """At most SUBJECT_LENGTH characters, with the reference that it ends with."""
    if len(subject) <= SUBJECT_LENGTH:
        return subject
    said, _, last = subject.rpartition(" [")
    end = f" [{last}" if said and last.endswith("]") and len(last) < SUBJECT_LENGTH // 2 else ""
    return f"{subject[: SUBJECT_LENGTH - 1 - len(end)].rstrip()}…{end}"


def _why(fault: Exception) -> str:
    return one_line(f"{type(fault).__name__}: {fault}")[:200]


def _rendered(templates: Templates, template: str, kind: NoticeKind, context: Mapping[str, Any]) -> Text:
    brand, reader = context["brand"], context["reader"]
    name = f"{reader.language}/{template}.jinja"
    plain, rich = (templates.get(name, brand.provider, html) for html in (False, True))
    values = {**context, "kind": kind, "colon": reader.usage.colon, "layout": "layout.txt", "parts": "parts.txt"}
    subject = one_line(templates.block(name, "subject", brand.provider, values))
    text = close_gaps(plain.render(values))
    html = close_gaps(rich.render(values, layout="layout.html", parts="parts.html"), 1)
    return Text(_short(subject), text, html, templates.version(name, brand.provider), brand.reply_to)


def _letter(templates: Templates, notice: Notice, receipt: str, provider: str | None) -> Letter:
    values = {
        "receipt": receipt,
        "to_be_read": notice.link is None,
        "may_stop": notice.kind in OPTIONAL,
        "colon": usage(notice.language).colon,
    }
    if not (values["to_be_read"] or values["may_stop"]):
        return Letter(notice.text, notice.html, receipt)
    plain, rich = (templates.get(f"{notice.language}/{FOOT}", provider, html) for html in (False, True))
    text = close_gaps(plain.render(values, parts="parts.txt"))
    html = close_gaps(rich.render(values, parts="parts.html"), 1)
    above, end, below = notice.html.rpartition("</main>")
    return Letter(f"{notice.text}\n{text}", f"{above}{html}{end}{below}" if end else f"{below}{html}", receipt)


def _entry_words(templates: Templates, context: Mapping[str, Any]) -> EntryWords:
    brand, reader = context["brand"], context["reader"]
    name = f"{reader.language}/calendar.jinja"
    description = templates.block(name, "description", brand.provider, context)
    lines = [one_line(line) for line in description.splitlines()]
    summary = one_line(templates.block(name, "summary", brand.provider, context))
    return EntryWords(summary, "\n".join(line for line in lines if line), reader.language)
