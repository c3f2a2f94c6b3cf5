"""A credit that must be claimed, on the customer's pages and the operator's."""

import pytest
from a_morning import PORTFOLIO, World, csrf, text_of

from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.notices.links import ClaimQuestion
from upheld.readers.portfolio import parse_portfolio

DAY_STARTS = parse_instant("2026-05-31T22:00:00Z")
KEY = ("acme-vpn-gold", "availability", "vpn-0042", DAY_STARTS)


@pytest.fixture
def owing(world: World) -> World:
    """The day of the morning is over, and its credit of 300.00 EUR must be claimed within three days."""
    source = PORTFOLIO.replace("    credit_cap: 50 %\n", "    credit_cap: 50 %\n    claim: {within: 3d}\n")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    world.clock.at = DAY_STARTS + DAY + 2 * HOUR
    world.run()
    return world


def claim_path(world: World, contact: str = "customer.noc/1") -> str:
    url = world.application.links.claim_url(ClaimQuestion(DEFAULT_TENANT, *KEY, contact))
    return url.removeprefix("http://testserver")


def claims(world: World):
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        return t.claims()


def test_the_customer_claims_by_the_link_once(owing: World) -> None:
    client, path = owing.stranger(), claim_path(owing)
    seen = client.get(path)
    assert "A credit is yours to claim" in text_of(seen.text)
    assert "Credit €300.00" in text_of(seen.text)
    assert "To be claimed by 5 June 2026, 00:00 CEST (UTC+02:00)" in text_of(seen.text)
    assert seen.headers["referrer-policy"] == "no-referrer"
    assert claims(owing) == [], "looking claims nothing"
    assert "Your claim is taken" in text_of(client.post(path, data={"comment": " as agreed "}).text)
    again = client.post(path)
    assert again.status_code == 200
    assert "This credit has been claimed" in text_of(again.text)
    (claim,) = claims(owing)
    assert (claim.claimed_by, claim.via, claim.comment) == ("customer.noc/1", "link", "as agreed")


def test_a_program_claims_by_the_link_and_is_answered_in_json(owing: World) -> None:
    client, path, wants = owing.stranger(), claim_path(owing), {"Accept": "application/json"}
    first, again = (client.post(path, headers=wants) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["claimed_by"] == "customer.noc/1"
    assert client.post(path[:-2] + "xx", headers=wants).status_code == 404


def test_a_late_claim_is_refused_with_the_deadline(owing: World) -> None:
    client, path = owing.stranger(), claim_path(owing)
    owing.clock.at = DAY_STARTS + 4 * DAY + 1
    late = client.post(path)
    assert late.status_code == 409
    assert "It could be claimed until 5 June 2026, 00:00 CEST" in text_of(late.text)
    refused = client.post(path, headers={"Accept": "application/json"})
    assert refused.json() == {"error": "the credit could be claimed until 2026-06-04T22:00:00Z"}
    assert claims(owing) == []


def test_a_link_is_for_what_it_was_made_for_only(owing: World) -> None:
    for path in (claim_path(owing)[:-2] + "xx", "/claim/" + owing.confirm_path(owing.case()).split("/confirm/")[1]):
        for answer in (owing.stranger().get(path), owing.stranger().post(path)):
            assert answer.status_code == 404
            assert "This link cannot be used" in text_of(answer.text)
    assert owing.stranger().get("/confirm/" + claim_path(owing).split("/claim/")[1]).status_code == 404


def test_the_question_leads_to_the_claim(owing: World) -> None:
    page = owing.stranger().get(owing.confirm_path(owing.case()))
    assert "a credit of €300.00 is due where you claim it by 5 June 2026, 00:00 CEST" in text_of(page.text)
    assert claim_path(owing) in page.text
    owing.stranger().post(claim_path(owing))
    assert "/claim/" not in owing.stranger().get(owing.confirm_path(owing.case())).text


def test_an_operator_claims_for_the_customer_and_the_page_says_so(owing: World) -> None:
    operator, page = owing.operator(), f"/cases/{owing.case().id}"
    text = operator.get(page).text
    assert "The claim of the credit Open 300.00 EUR" in text_of(text)
    assert operator.post(f"{page}/claim", data={"comment": "x"}).status_code == 403
    assert operator.post(f"{page}/claim", data={"comment": "by telephone", "csrf": csrf(text)}).status_code == 303
    owing.run()
    text = text_of(operator.get(page).text)
    assert "The claim of the credit Claimed 300.00 EUR" in text
    assert "“by telephone”" in text
    assert "Billing told of it" in text
    assert "300.00 EUR claimed 2026-06-02 00:00 UTC" in text_of(operator.get("/agreements/acme-vpn-gold").text)


def test_a_late_claim_of_an_operator_needs_a_reason(owing: World) -> None:
    operator, page = owing.operator(), f"/cases/{owing.case().id}"
    owing.clock.at = DAY_STARTS + 5 * DAY
    text = operator.get(page).text
    assert "The claim of the credit Expired 300.00 EUR" in text_of(text)
    refused = operator.post(f"{page}/claim", data={"csrf": csrf(text)})
    assert refused.status_code == 409
    assert "could be claimed until 2026-06-04T22:00:00Z" in text_of(refused.text)
    taken = operator.post(f"{page}/claim", data={"csrf": csrf(text), "exception": "the mail was lost"})
    assert taken.status_code == 303
    assert "Accepted late the mail was lost" in text_of(operator.get(page).text)
