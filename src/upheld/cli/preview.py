"""The commands about what customers read: `upheld notice preview`, and `feeds`."""

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from upheld.cli.server import DEFAULT_URL, ServerKey, ServerUrl, ask
from upheld.cli.terminal import input_exit, refuse

if TYPE_CHECKING:
    from upheld.agreements.parties import Party
    from upheld.notices.model import Notice

commands = typer.Typer(help="See what customers will read, and where they may subscribe to it.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    pass


class Language(StrEnum):
    EN = "en"
    DE = "de"
    FR = "fr"
    ES = "es"


class Form(StrEnum):
    TEXT = "text"
    HTML = "html"
    JSON = "json"


@commands.command(epilog="Example:  upheld notice feeds acme")
def feeds(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    key: ServerKey,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make new addresses; the earlier ones are void from now on.")
    ] = False,
    url: ServerUrl = DEFAULT_URL,
) -> None:
    """Tell the addresses of a customer's own feeds: its planned works, for calendars, and its notices. Whoever has one
    can read it: give it to the customer alone."""
    found = ask("POST" if renew else "GET", url, key, f"/v1/customers/{quote(customer, safe='')}/feeds")
    typer.echo(f"calendar  {found['calendar']}\nnotices   {found['notices']}")


@commands.command(
    epilog="Examples:  upheld notice preview violation --language de --format html > violation.html    "
    "upheld notice preview --all --templates texts/ --out preview/"
)
def preview(
    kind: Annotated[
        str | None,
        typer.Argument(help="A kind of notice, such as violation, or one of its examples.", metavar="[KIND]"),
    ] = None,
    language: Annotated[
        Language | None, typer.Option(help="Of the reader; en by default, with --all every one.", show_default=False)
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format", help="What to print; json has subject, text, html, the calendar entry and the text's version."
        ),
    ] = Form.TEXT,
    templates: Annotated[
        Path | None,
        typer.Option(
            envvar="UPHELD_TEMPLATES",
            help="A folder of your own texts, which are checked first (docs/notices.md).",
            metavar="DIR",
        ),
    ] = None,
    agreements: Annotated[
        Path | None,
        typer.Option(help="Take the provider's name and brand from this file of agreements.", metavar="FILE"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every example of every kind; needs --out.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write to DIR/<language>/<example>.txt, .html and .ics instead of the standard output.", metavar="DIR"
        ),
    ] = None,
) -> None:
    """Show a notice with example data, in the words of a language and of a folder of templates.

    Without KIND and --all it lists the kinds and their examples.

    Exit status: 0 shown, 2 there is no such kind, or a text is wrong: each fault with its file and line.
    """
    from upheld.notices.examples import EXAMPLES, PROVIDER
    from upheld.notices.templating import put_in_use
    from upheld.readers.faults import InputError, did_you_mean
    from upheld.readers.portfolio import read_portfolio
    from upheld.readers.templates import read_templates

    if every and (out is None or kind is not None):
        refuse("--all shows every kind and writes them to files: give --out DIR, and no KIND")
    if kind is not None and kind not in EXAMPLES:
        refuse(f"there is no notice {kind}{did_you_mean(kind, EXAMPLES)}; upheld notice preview lists them")
    try:
        if templates is not None:
            put_in_use(read_templates(templates))
        provider = PROVIDER if agreements is None else read_portfolio(agreements).provider or PROVIDER
    except InputError as error:
        raise input_exit(error) from None
    if kind is None and not every:
        for name, one in EXAMPLES.items():
            typer.echo(name if name == one.kind else f"  {name}  (of {one.kind})")
        return
    names = list(EXAMPLES) if kind is None else [kind]
    languages = (
        [language or Language.EN] if kind is not None else [language] if language is not None else list(Language)
    )
    shown = [(name, each.value, _as_mailed(name, each, provider)) for each in languages for name in names]
    if out is not None:
        for name, each, notice in shown:
            _write(notice, out / each, name)
        typer.echo(f"{len(shown)} notices in {out}")
        return
    for _, _, notice in shown:
        typer.echo(_in_form(notice, form), nl=False)


def _as_mailed(name: str, language: Language, provider: "Party") -> "Notice":
    from upheld.notices.examples import RECEIPT, example
    from upheld.notices.texts import letter

    notice = example(name, language.value, provider)
    mail = letter(notice, RECEIPT, provider.id)
    return replace(notice, text=mail.text, html=mail.html)


def _write(notice: "Notice", folder: Path, name: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text(_in_form(notice, Form.TEXT), "utf-8")
        (folder / f"{name}.html").write_text(notice.html, "utf-8")
        if notice.calendar is not None:
            (folder / f"{name}.ics").write_bytes(notice.calendar.encode())
    except OSError as error:
        refuse(f"{folder}: {error.strerror}")


def _in_form(notice: "Notice", form: Form) -> str:
    match form:
        case Form.TEXT:
            return f"Subject: {notice.subject}\n\n{notice.text}"
        case Form.HTML:
            return notice.html
        case Form.JSON:
            names = ("kind", "subject", "text", "html", "calendar", "text_version", "reply_to")
            return json.dumps({name: getattr(notice, name) for name in names}, indent=2, ensure_ascii=False) + "\n"
