"""What makes an ended case like another one, and how far."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.cases.earlier import COUNTS, WEEK, alike
from upheld.cases.model import Case

MONDAY = parse_instant("2026-06-01T14:10:00Z")


def found(cause: str | None = "switch-1", score: float = 0.9, alarms: tuple[str, ...] = ()) -> dict[str, object]:
    candidates = [] if cause is None else [{"resource": cause, "score": score}]
    return {"cause_candidates": candidates, "alarms": [{"about": a, "text": "link down"} for a in alarms]}


def a_case(id: str = "C-1", **changes: object) -> Case:
    case = Case(id, "violation", "closed", "gold", "availability", "vpn-1", "acme", 0, MONDAY, findings=found())
    return replace(case, **changes)  # type: ignore[arg-type]


def test_the_same_again_a_week_before_is_wholly_alike_and_says_why() -> None:
    case = a_case(findings=found(alarms=("port-7",)))
    (one,) = alike(case, [replace(case, id="C-0", opened_at=MONDAY - WEEK - HOUR, restored_at=MONDAY - WEEK)])
    assert one.alike == 1
    assert one.lasted == HOUR
    assert one.shared == (
        "the same suspected cause, switch-1",
        "the same promise, availability of vpn-1",
        "the same alarm of port-7",
        "a violation too",
        "the same time of the week, Monday about 13:00 UTC",
    )


def test_what_the_case_does_not_have_is_not_counted_against_another() -> None:
    case = a_case(findings=found(cause=None))
    (one,) = alike(case, [a_case("C-0", opened_at=MONDAY - 3 * DAY, findings=found(alarms=("port-7",)))])
    assert one.alike == round((COUNTS["promise"] + COUNTS["service"] + COUNTS["kind"]) / 6, 2)


def test_a_suspect_for_which_nothing_speaks_is_none() -> None:
    case = a_case(findings=found(score=0.0))
    (one,) = alike(case, [a_case("C-0", findings=found(score=0.0))])
    assert not any("cause" in text for text in one.shared)


def test_of_the_cases_of_one_problem_the_likest_stands_for_all() -> None:
    others = [a_case(f"C-{n}", service=f"vpn-{n % 5}", problem="P-1", findings=found(cause=None)) for n in range(2, 9)]
    (one,) = alike(a_case(), others, {"P-1": "switch-1"})
    assert one.case.service == "vpn-1"
    assert one.shared[0] == "the same suspected cause, switch-1"


def test_of_equals_the_one_that_says_what_it_was_comes_first() -> None:
    told = a_case("C-0", opened_at=MONDAY - 2 * WEEK, resolution={"cause": "a card", "done": "replaced"})
    assert [one.case.id for one in alike(a_case(), [a_case("C-2", opened_at=MONDAY - WEEK), told])] == ["C-0", "C-2"]


CASES = st.builds(
    lambda n, service, cause, kind, at, alarms: a_case(
        f"C-{n}", service=service, kind=kind, opened_at=MONDAY + at, findings=found(cause, alarms=tuple(alarms))
    ),
    st.integers(2, 99),
    st.sampled_from(["vpn-1", "vpn-2"]),
    st.sampled_from([None, "switch-1", "switch-2"]),
    st.sampled_from(["violation", "degradation", "no_data"]),
    st.integers(-3 * WEEK, 0),
    st.sets(st.sampled_from(["port-1", "port-2"])),
)


@given(CASES, st.lists(CASES, max_size=8))
def test_likeness_is_a_share_and_a_case_is_wholly_like_its_twin(case: Case, others: list[Case]) -> None:
    twin = replace(case, id="C-0")
    ranked = alike(case, [*others, twin])
    assert all((0 <= one.alike <= 1 and one.shared) or one.alike == 0 for one in ranked)
    assert [one.alike for one in ranked] == sorted((one.alike for one in ranked), reverse=True)
    assert next(one for one in ranked if one.case.id == "C-0").alike == 1
