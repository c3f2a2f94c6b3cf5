"""Signing in and out: who gets in, what the cookie is, and that nothing happens without a form's token."""

import pytest
from a_morning import World, csrf

from upheld.access import SESSION_COOKIE
from upheld.app import DEFAULT_TENANT

PAGES = [
    "/",
    "/cases",
    "/cases/C-1",
    "/agreements/acme-vpn-gold",
    "/maintenance",
    "/maintenance/notices",
    "/tickets",
    "/promises",
    "/performance",
    "/dead-letters",
    "/mailbox",
    "/mailbox/x",
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_sends_a_stranger_to_sign_in_and_back(morning: World, page: str) -> None:
    answer = morning.stranger().get(page)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next={page.replace('/', '%2F')}"


def test_a_refresh_without_a_session_takes_the_whole_page_to_sign_in(morning: World) -> None:
    answer = morning.stranger().get("/cases", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login?next=%2Fcases"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(morning: World) -> None:
    answer = morning.stranger().post("/login", data={"key": morning.key, "next": "/cases"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cases")
    cookie = answer.headers["set-cookie"].lower()
    assert SESSION_COOKIE in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert morning.key not in answer.headers["set-cookie"]


def test_over_https_the_cookie_is_secure(morning: World) -> None:
    client = morning.stranger()
    client.base_url = "https://testserver"
    assert "secure" in client.post("/login", data={"key": morning.key}).headers["set-cookie"].lower()


@pytest.mark.parametrize("key", ["", "nonsense", "uph_" + "A" * 43])
def test_a_wrong_key_is_refused_in_words(morning: World, key: str) -> None:
    answer = morning.stranger().post("/login", data={"key": key})
    assert answer.status_code == 403
    assert "not a key of ours" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("role", "may"), [("ingest", "deliver measurements"), ("metrics", "read the metrics")])
def test_a_key_that_is_no_operator_s_opens_no_session(morning: World, role: str, may: str) -> None:
    answer = morning.stranger().post("/login", data={"key": morning.add_key(DEFAULT_TENANT, role)})
    assert answer.status_code == 403
    assert f"may only {may}." in answer.text


def test_a_sign_in_from_another_site_is_refused(morning: World) -> None:
    answer = morning.stranger().post("/login", data={"key": morning.key}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_this_site_only(morning: World, target: str) -> None:
    answer = morning.stranger().post("/login", data={"key": morning.key, "next": target})
    assert answer.headers["location"] == "/"


def test_who_has_a_session_is_taken_on(morning: World) -> None:
    client = morning.operator()
    assert client.get("/session").text == "in"
    assert client.get("/login?next=/tickets").headers["location"] == "/tickets"
    assert morning.stranger().get("/session").text == "out"


def test_signing_out_ends_the_session(morning: World) -> None:
    client = morning.operator()
    token = csrf(client.get("/").text)
    assert client.post("/logout", data={"csrf": token}).headers["location"] == "/login"
    assert client.get("/").status_code == 303


def test_a_forged_cookie_is_no_session(morning: World) -> None:
    client = morning.operator()
    forged = client.cookies[SESSION_COOKIE][:-2] + "xx"
    client.cookies.clear()
    client.cookies.set(SESSION_COOKIE, forged)
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/logout", "/maintenance", "/maintenance/MW-SOON/cancel", "/cases/{case}/ask"])
@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_form_without_the_sessions_token_does_nothing(morning: World, path: str, token: str) -> None:
    before = morning.everything()
    answer = morning.operator().post(path.format(case=morning.case().id), data={"csrf": token, "title": "x"})
    assert answer.status_code == 403
    assert "reload the page" in answer.text
    assert morning.everything() == before


def test_the_token_of_another_session_is_not_taken(morning: World) -> None:
    foreign = csrf(morning.operator(morning.rival_key).get("/").text)
    assert morning.operator().post("/maintenance/MW-SOON/cancel", data={"csrf": foreign}).status_code == 403
