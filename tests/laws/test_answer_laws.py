"""What a customer's contacts answer comes to the same in whichever order they do, and none of it is lost."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.units import MINUTE
from upheld.cases.decide import Answer, CloseUnanswered, Observed, Open, decide, new_case
from upheld.cases.model import Case

VERDICT = {
    "agreement": "acme-vpn-gold",
    "objective": "availability",
    "service": "vpn-0042",
    "customer": "acme",
    "period_start": "2026-06-01T00:00:00Z",
    "status": "violated",
    "credit": None,
}
WITHIN = 60 * MINUTE
ANSWERS = st.dictionaries(st.sampled_from("abcdefg"), st.booleans(), min_size=1).map(lambda said: list(said.items()))


def asked() -> Case:
    case = new_case("C-1", VERDICT, 0, 0)
    for command in (Open(VERDICT, {}), Observed(bad_until=0, good_for=5 * MINUTE, stable=5 * MINUTE)):
        case, _ = decide(case, command, 0)
    return case


def lived(answers: Sequence[tuple[str, bool]], again: frozenset[int] = frozenset(), silent_at: int = -1) -> Case:
    """The case after the answers, one a minute, those of `again` sent twice; before one of them nobody had answered for
    so long that it was closed."""
    case = asked()
    for n, (contact, solved) in enumerate(answers):
        if n == silent_at:
            case, _ = decide(case, CloseUnanswered(1), n * MINUTE)
        for _ in range(1 + (n in again)):
            case, _ = decide(case, Answer(1, contact, solved, "", reopens_within=WITHIN), n * MINUTE)
    return case


@given(ANSWERS.flatmap(lambda said: st.tuples(st.permutations(said), st.permutations(said))))
def test_the_order_of_answers_makes_no_difference(orders) -> None:
    one, other = map(lived, orders)
    assert (one.state, one.outcome, one.level) == (other.state, other.outcome, other.level)
    assert {(a["contact"], a["solved"]) for a in one.answers} == {(a["contact"], a["solved"]) for a in other.answers}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.booleans()), max_size=8))
def test_by_link_a_contact_changes_a_yes_once_and_knowing_of_it_and_nothing_else(sent) -> None:
    case = asked()
    for n, (contact, solved, after_all) in enumerate(sent):
        said = Answer(1, contact, solved, "", reopens_within=WITHIN, after_all=after_all)
        case, _ = decide(case, said, n * MINUTE)
    for contact in "ab":
        wanted: list[bool] = []
        for solved, after_all in [(solved, after_all) for name, solved, after_all in sent if name == contact]:
            if not wanted or (wanted == [True] and after_all and not solved):
                wanted.append(solved)
        assert [a["solved"] for a in case.answers if a["contact"] == contact] == wanted


@given(ANSWERS, st.frozensets(st.integers(0, 6)), st.integers(-1, 6))
def test_a_single_no_in_time_takes_the_case_up_again_once(answers, again, silent_at) -> None:
    case = lived(answers, again, silent_at)
    anybody_no = not all(solved for _, solved in answers)
    assert (case.state == "reopened", case.level) == (anybody_no, int(anybody_no))
    assert [(a["contact"], a["solved"]) for a in case.answers] == answers
