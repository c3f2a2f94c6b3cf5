"""A provider's own texts: read, checked, and each fault told with its file and line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from upheld.app import Application, Settings
from upheld.notices.examples import PROVIDER, RECEIPT, example
from upheld.notices.templating import AS_SHIPPED, Templates, in_use, put_in_use
from upheld.notices.texts import letter
from upheld.readers.faults import InputError
from upheld.readers.templates import read_templates

OWN = """{% extends "shipped/de/violation.jinja" %}
{% block title %}Störung bei Nordnetz: {{ service }}{% endblock %}
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    put_in_use(AS_SHIPPED)


def folder(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_jinja", ".jinja")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def faults(root: Path) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_templates(root)
    return [str(fault).replace(f"{root}/", "") for fault in raised.value.faults]


def test_an_own_text_takes_the_place_of_the_shipped_one_and_of_no_other(tmp_path: Path) -> None:
    put_in_use(read_templates(folder(tmp_path, de__violation_jinja=OWN)))
    assert "Störung bei Nordnetz: vpn-0042" in example("violation", "de").text
    assert "Störung bei Nordnetz: vpn-0042" in example("violation", "de").html
    assert "Nordnetz" not in example("violation", "fr").text + example("degradation", "de").text


def test_a_provider_may_have_texts_that_another_has_not(tmp_path: Path) -> None:
    put_in_use(read_templates(folder(tmp_path, providers__south__de__violation_jinja=OWN)))
    south = PROVIDER.model_copy(update={"id": "south"})
    assert "Nordnetz" not in example("violation", "de").text
    assert "Nordnetz" in example("violation", "de", south).text


def test_a_notice_says_which_version_of_a_text_it_was_written_with(tmp_path: Path) -> None:
    shipped = example("violation", "de").text_version
    versions = []
    for text in (OWN, OWN.replace("Störung", "Ausfall"), OWN):
        put_in_use(read_templates(folder(tmp_path, de__violation_jinja=text)))
        versions.append(example("violation", "de").text_version)
    assert versions[0] == versions[2]
    assert len({shipped, *versions}) == 3
    assert all(str(version).startswith("de/violation ") for version in versions)


def test_a_version_changes_with_what_the_text_is_built_on(tmp_path: Path) -> None:
    shipped = {name: example(name, "de").text_version for name in ("violation", "maintenance")}
    footer = '{% extends "shipped/de/case.jinja" %}{% block footer %}{{ reference }}{% endblock %}'
    put_in_use(read_templates(folder(tmp_path, de__case_jinja=footer)))
    assert example("violation", "de").text_version != shipped["violation"]
    assert example("maintenance", "de").text_version == shipped["maintenance"]


def test_a_file_that_is_changed_later_changes_no_notice(tmp_path: Path) -> None:
    put_in_use(read_templates(folder(tmp_path, de__violation_jinja=OWN)))
    folder(tmp_path, de__violation_jinja="{{ 1 / 0 }}")
    assert "Nordnetz" in example("violation", "de").text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n{% block body %}\n{% if %}", "de/violation.jinja:3: Expected an expression, got 'end of statement block'"),
        ("{{ x | nothing }}", "de/violation.jinja:1: No filter named 'nothing'."),
        ("{{ service | safe }}", "de/violation.jinja:1: No filter named 'safe'."),
        ("\n{{ servise }}", "de/violation.jinja:2: servise is no name that a notice has (did you mean service?)"),
        (
            "{% autoescape false %}{{ service }}{% endautoescape %}",
            "de/violation.jinja:1: autoescape: what is escaped is not for a text to say",
        ),
        (
            OWN + "{% block next %}\n{{ case.nothing }}\n{% endblock %}",
            "de/violation.jinja:4: UndefinedError: 'upheld.cases.model.Case object' has no attribute 'nothing' "
            "(in the example violation in de)",
        ),
        (
            OWN + "{% block next %}{{ service.__class__.__mro__ }}{% endblock %}",
            "de/violation.jinja:3: SecurityError: access to attribute '__class__' of 'str' object is unsafe. "
            "(in the example violation in de)",
        ),
        ('{% extends "de/violation.jinja" %}', "RecursionError"),
        ('{% extends "de/nothing.jinja" %}', "de/violation.jinja:1: de/nothing.jinja is no template that there is"),
    ],
)
def test_a_faulty_text_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (fault, *_) = faults(folder(tmp_path, de__violation_jinja=text))
    assert told in fault


def test_a_question_without_its_link_is_refused(tmp_path: Path) -> None:
    text = '{% extends "shipped/es/question.jinja" %}{% block body %}{% endblock %}'
    told = ["es/question.jinja: question in es does not show its link: nobody could answer it"]
    assert faults(folder(tmp_path, es__question_jinja=text)) == told


def test_a_foot_in_own_words_stands_below_mails_and_without_its_link_is_refused(tmp_path: Path) -> None:
    foot = '{% from parts import link with context %}{{ link("Gelesen bei Nordnetz", receipt) }}'
    put_in_use(read_templates(folder(tmp_path, de__foot_jinja=foot)))
    mail = letter(example("violation", "de"), RECEIPT, PROVIDER.id)
    assert f"Gelesen bei Nordnetz:\n{RECEIPT}\n" in mail.text
    assert f'<a href="{RECEIPT}">Gelesen bei Nordnetz</a></p>\n</main>' in mail.html
    told = "de/foot.jinja: degradation in de does not show its receipt: nobody could say that it was read"
    assert faults(folder(tmp_path, de__foot_jinja="Danke")) == [told]


def test_files_that_are_no_templates_of_notices_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"\xe4")
    assert faults(tmp_path) == ["latin.txt: is not written in UTF-8"]
    (tmp_path / "latin.txt").unlink()
    assert faults(folder(tmp_path, de__violaton_jinja=OWN, providers__de_jinja=OWN)) == [
        "de/violaton.jinja: de/violaton.jinja is no template of a notice (did you mean de/violation.jinja?); "
        "a part begins with _",
        "providers/de.jinja: providers/de.jinja is no template of a notice; a part begins with _",
    ]
    with pytest.raises(InputError, match="is no folder of templates"):
        read_templates(tmp_path / "nowhere")


def test_a_faulty_text_stops_the_start_of_a_server(tmp_path: Path) -> None:
    texts = folder(tmp_path / "texts", de__violation_jinja="{{ servise }}")
    with pytest.raises(InputError, match=r"violation\.jinja:1: servise is no name that a notice has"):
        Application(Settings(database_url=f"sqlite:///{tmp_path}/upheld.db", templates=texts))
    assert not (tmp_path / "upheld.db").exists()


def test_a_part_can_be_included(tmp_path: Path) -> None:
    text = '{% extends "shipped/de/violation.jinja" %}{% block title %}{% include "_name.jinja" %}{% endblock %}'
    put_in_use(read_templates(folder(tmp_path, de__violation_jinja=text, _name_jinja="Nordnetz: {{ service }}")))
    assert "Nordnetz: vpn-0042" in example("violation", "de").html


def test_what_a_check_did_not_see_is_told_in_the_shipped_words(tmp_path: Path) -> None:
    text = OWN + '{% block next %}{% if case.id != "case-7f3a" %}{{ 1 / 0 }}{% endif %}{% endblock %}'
    templates = read_templates(folder(tmp_path, de__violation_jinja=text.replace("!=", "==").replace("7f3a", "x")))
    put_in_use(Templates({name: type(s)(text.replace("!=", "=="), s.file) for name, s in templates.own.items()}))
    notice = example("violation", "de")
    assert "Was wir tun" in notice.text
    assert "Nordnetz" not in notice.text
    assert "for the provider's own failed: ZeroDivisionError" in str(notice.text_version)


def test_data_in_an_own_text_is_escaped(tmp_path: Path) -> None:
    text = '{% extends "shipped/de/violation.jinja" %}{% block title %}{{ customer }}{% endblock %}'
    put_in_use(read_templates(folder(tmp_path, de__violation_jinja=text)))
    notice = example("violation", "de")
    assert "Acme &amp; Söhne GmbH</h1>" in notice.html
    assert in_use().own
