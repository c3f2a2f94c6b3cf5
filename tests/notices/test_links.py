"""A signed link answers the one question that it was made for, and nothing else."""

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from upheld.notices.links import BadLink, Links, Question

SECRET = "a-secret-of-the-installation"
LINKS = Links(SECRET, "https://sla.north.example/")
QUESTION = Question("north", "case-7f3a", 1, "customer.noc/0")


def token_of(question: Question, links: Links = LINKS) -> str:
    return links.question_url(question).rpartition("/confirm/")[2]


def test_a_link_carries_its_question() -> None:
    url = LINKS.question_url(QUESTION)
    assert url.startswith("https://sla.north.example/confirm/")
    assert set(token_of(QUESTION)) <= set(string.ascii_letters + string.digits + "-_.")
    assert LINKS.read_question(token_of(QUESTION)) == QUESTION


@given(st.builds(Question, st.text(), st.text(), st.integers(0, 10**6), st.text()))
def test_any_question_comes_back_as_it_was_asked(question: Question) -> None:
    assert LINKS.read_question(token_of(question)) == question


def test_a_link_is_the_same_each_time_and_differs_for_every_question() -> None:
    others = [
        Question("south", "case-7f3a", 1, "customer.noc/0"),
        Question("north", "case-7f3b", 1, "customer.noc/0"),
        Question("north", "case-7f3a", 2, "customer.noc/0"),
        Question("north", "case-7f3a", 1, "customer.noc/1"),
    ]
    assert token_of(QUESTION) == token_of(QUESTION)
    assert len({token_of(q) for q in (QUESTION, *others)}) == 5


def test_a_question_cannot_be_put_under_another_signature() -> None:
    signature = token_of(QUESTION).rpartition(".")[2]
    other = token_of(Question("north", "case-0000", 1, "customer.noc/0")).rpartition(".")[0]
    with pytest.raises(BadLink):
        LINKS.read_question(f"{other}.{signature}")


@pytest.mark.parametrize("position", range(0, 80, 7))
def test_a_changed_character_is_noticed(position: int) -> None:
    token = token_of(QUESTION)
    changed = "A" if token[position] != "A" else "B"
    with pytest.raises(BadLink):
        LINKS.read_question(token[:position] + changed + token[position + 1 :])


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "x" * 5000, "é.é", "\x00.\x00", token_of(QUESTION)[:-1]])
def test_what_is_no_link_is_refused(token: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read_question(token)


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(token: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read_question(token)


def test_a_link_of_another_installation_is_refused() -> None:
    with pytest.raises(BadLink):
        LINKS.read_question(token_of(QUESTION, Links("another-secret-of-16", "https://sla.north.example")))


def test_a_token_of_another_purpose_is_refused() -> None:
    other = URLSafeSerializer(SECRET, salt="upheld.unsubscribe").dumps(["north", "case-7f3a", 1, "customer.noc/0"])
    with pytest.raises(BadLink):
        LINKS.read_question(other if isinstance(other, str) else other.decode())


def test_an_unsigned_question_is_refused() -> None:
    body = base64.urlsafe_b64encode(json.dumps(["north", "case-7f3a", 1, "x"]).encode()).rstrip(b"=").decode()
    for token in (body, f"{body}.", f"{body}.AAAA"):
        with pytest.raises(BadLink):
            LINKS.read_question(token)


def test_a_short_secret_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="at least 16") as fault:
        Links("too-short", "https://sla.north.example")
    assert "too-short" not in str(fault.value)
