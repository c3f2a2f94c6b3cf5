"""`upheld notice preview`: what customers will read, before they do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from upheld.cli import app
from upheld.notices.examples import EXAMPLES, PROVIDER, RECEIPT, example
from upheld.notices.templating import AS_SHIPPED, put_in_use
from upheld.notices.texts import letter


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    put_in_use(AS_SHIPPED)


def preview(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["notice", "preview", *arguments])


def test_without_a_kind_it_lists_them() -> None:
    listed = preview().stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(EXAMPLES)


def test_it_prints_what_would_be_sent() -> None:
    notice = example("violation", "de")
    mail = letter(notice, RECEIPT, PROVIDER.id)
    assert preview("violation", "--language", "de").stdout == f"Subject: {notice.subject}\n\n{mail.text}"
    assert preview("violation", "--language", "de", "--format", "html").stdout == mail.html


def test_json_has_the_version_of_the_text() -> None:
    notice, shown = (
        example("maintenance", "fr"),
        json.loads(preview("maintenance", "--language=fr", "--format=json").stdout),
    )
    assert (shown["text_version"], shown["calendar"]) == (notice.text_version, notice.calendar)


def test_all_are_written_to_a_folder(tmp_path: Path) -> None:
    result = preview("--all", "--language", "es", "--out", str(tmp_path))
    assert result.stdout == f"{len(EXAMPLES)} notices in {tmp_path}\n"
    assert {file.stem for file in (tmp_path / "es").iterdir()} == set(EXAMPLES)
    assert (tmp_path / "es" / "maintenance.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")


def test_own_texts_are_checked_and_shown(tmp_path: Path) -> None:
    own = tmp_path / "en" / "closed.jinja"
    own.parent.mkdir()
    own.write_text('{% extends "shipped/en/closed.jinja" %}\n{% block title %}Done with {{ service }}{% endblock %}\n')
    assert "Done with vpn-0042" in preview("closed", "--templates", str(tmp_path)).stdout
    own.write_text('{% extends "shipped/en/closed.jinja" %}\n{% block title %}{{ service | money }}{% endblock %}\n')
    result = preview("closed", "--templates", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{own}:2: TypeError: ")


def test_the_brand_comes_from_a_file_of_agreements(tmp_path: Path) -> None:
    file = tmp_path / "agreements.yaml"
    file.write_text(
        "provider: {id: west, name: Westnetz, brand: {color: '#7a1f5c', signature: Westnetz GmbH}}\n"
        "agreements: [{id: a, customer: c, valid: {from: 2026-01-01}, services: [s], objectives: [{id: o, "
        "target: 99 %, indicator: {kind: availability, metric: m, good_when: '>= 1'}, period: {calendar: month}}]}]\n"
    )
    shown = preview("question", "--agreements", str(file), "--format", "html").stdout
    assert "background:#7a1f5c" in shown
    assert "Westnetz GmbH" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["violaton"], "there is no notice violaton (did you mean violation?); upheld notice preview lists them"),
        (["--all"], "--all shows every kind and writes them to files: give --out DIR, and no KIND"),
        (["violation", "--templates", "/nowhere"], "/nowhere: is no folder of templates"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments: list[str], told: str) -> None:
    result = preview(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
