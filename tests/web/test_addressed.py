"""The pages of signed links speak the language of whom they were sent to, in its time zone."""

import re
from string import Formatter

import pytest
from a_morning import PORTFOLIO, World, text_of
from test_claim_pages import DAY_STARTS, claim_path
from test_receiving import notices, path_of

from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT
from upheld.notices.formats import LOCALES
from upheld.notices.links import WorkQuestion
from upheld.readers.portfolio import parse_portfolio
from upheld.web.phrases import phrases

OTHERS = sorted(set(LOCALES) - {"en"})


def put_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_every_phrase_with_what_is_put_in(language: str) -> None:
    english, other = phrases("en"), phrases(language)
    assert list(other) == list(english)
    assert {key: put_in(text) for key, text in other.items()} == {key: put_in(text) for key, text in english.items()}
    same = {key for key, text in other.items() if text == english[key] and put_in(text) != {"score"}}
    assert same <= {"page.service"}, "left in English"


def speaking(world: World, language: str) -> None:
    """The customer's contacts read that language, and a credit must be claimed."""
    source = PORTFOLIO.replace("    credit_cap: 50 %\n", "    credit_cap: 50 %\n    claim: {within: 3d}\n")
    source = re.sub(r"(\{email: [^}]*)\}", rf"\1, language: {language}}}", source)
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


QUESTION = {
    "de": ("Ist die Störung behoben?", "Gestört seit 1. Juni 2026, 08:00 Uhr MESZ", "Ja, sie ist behoben"),
    "fr": ("L’incident est-il résolu ?", "Perturbé depuis le 1er juin 2026 à 08:00 CEST", "Oui, il est résolu"),
    "es": (
        "¿Está resuelta la incidencia?",
        "Afectado desde el 1 de junio de 2026 a las 08:00 CEST",
        "Sí, está resuelta",
    ),
}
CLAIM = {
    "de": ("Ihnen steht eine Gutschrift zu", "300,00 €", "Gutschrift beantragen"),
    "fr": ("Vous avez droit à un avoir", "300,00 €", "Demander l’avoir"),
    "es": ("Tiene derecho a un abono", "300,00 €", "Solicitar el abono"),
}
PLANNED = {
    "de": ("Geplante Wartung", "Ihre Dienste", "Wann würde es besser passen?"),
    "fr": ("Maintenance programmée", "Vos services", "Quel autre moment vous conviendrait ?"),
    "es": ("Mantenimiento programado", "Sus servicios", "¿Qué otro momento le convendría?"),
}
NOTICE = {"de": "Ich habe sie gelesen", "fr": "Je l’ai lu", "es": "Lo he leído"}


@pytest.mark.parametrize("language", OTHERS)
def test_a_contact_reads_each_page_in_its_language(world: World, language: str) -> None:
    speaking(world, language)
    client = world.stranger()
    asked = client.get(world.confirm_path(world.case()))
    assert f'<html lang="{language}">' in asked.text
    for text in QUESTION[language]:
        assert text in text_of(asked.text)
    wrong = client.post(world.confirm_path(world.case()), data={"solved": "perhaps"})
    assert wrong.status_code == 400
    assert phrases(language)["confirm.choose"] in text_of(wrong.text)
    told = next(n for n in notices(world) if n.kind == "violation" and n.role == "customer.noc")
    assert NOTICE[language] in text_of(client.get(path_of(world, told)).text)
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        work = next(n for n in t.notices(maintenance_id="MW-LATER") if n.kind == "maintenance")
    link = world.application.links.work_url(WorkQuestion(DEFAULT_TENANT, work.id)).removeprefix("http://testserver")
    planned = text_of(client.get(link).text)
    for text in PLANNED[language]:
        assert text in planned
    refused = client.post(link, data={"wish": "object"})
    assert refused.status_code == 400
    assert phrases(language)["planned.fault.reason"].replace("\u00a0", " ") in text_of(refused.text)
    world.clock.at = DAY_STARTS + DAY + 2 * HOUR
    world.run()
    claim = text_of(client.get(claim_path(world)).text)
    for text in CLAIM[language]:
        assert text in claim


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-CH, en;q=0.8", "de"),
        ("it, es;q=0.5, fr;q=0.7", "fr"),
        ("pl", "en"),
        ("fr;q=x, es;q=0", "en"),
        ("", "en"),
    ],
)
def test_who_has_no_link_of_ours_is_told_so_in_the_language_of_the_browser(
    world: World, accepted: str, language: str
) -> None:
    for page in ("confirm", "claim", "notice", "planned"):
        answer = world.stranger().get(f"/{page}/nothing", headers={"Accept-Language": accepted})
        assert answer.status_code == 404
        assert phrases(language)["page.cannot_be_used"] in text_of(answer.text)


def test_what_is_put_into_a_phrase_is_escaped(world: World) -> None:
    said = world.stranger().post(
        world.confirm_path(world.case()), data={"solved": "no", "comment": "<b>still</b> {down}"}
    )
    assert "&lt;b&gt;still&lt;/b&gt; {down}" in said.text
