"""Many plain terms at once come to what the reference says of each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from worlds import laws, unhurried

from upheld.agreements.model import Agreement
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.assessment import cohort
from upheld.assessment.advance import assess
from upheld.assessment.batch import Condenser, readings_of
from upheld.assessment.reference import assess as assess_plainly
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement

pytestmark = unhurried

START = parse_instant("2026-03-28T00:00:00Z")  # a day before the clocks change in Berlin
NEVER_MEASURED = "z"

values = st.lists(st.sampled_from([1.0, 1.0, 1.0, 0.0, None]), min_size=1, max_size=60)


@st.composite
def agreements(draw):
    warning = draw(
        st.sampled_from([None, {"budget_spent": "50 %"}, {"target": "95 %"}, {"budget_spent": "0 %", "target": "99 %"}])
    )
    credits = draw(st.sampled_from([[], [{"below": "90 %", "share": "10 %"}, {"over": "3h", "share": "15 %"}]]))
    services = [*draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)), NEVER_MEASURED]
    return Agreement.model_validate(
        {
            "id": "a",
            "customer": "c",
            "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin"])),
            "valid": {"from": "2026-01-01", **draw(st.sampled_from([{}, {"to": "2026-03-29T05:00:00Z"}]))},
            "lateness": draw(st.sampled_from(["0s", "2h"])),
            "services": services,
            "objectives": [
                {
                    "id": "o",
                    "indicator": {
                        "kind": "availability",
                        "metric": "up",
                        "good_when": ">= 1",
                        "slot": "1h",
                        "missing": draw(st.sampled_from(["exclude", "bad", "good"])),
                    },
                    "period": {"calendar": draw(st.sampled_from(["day", "month"]))},
                    "target": draw(st.sampled_from(["90 %", "80 %", "50 %"])),
                    "warning": warning,
                    "credits": credits,
                }
            ],
            "charge": {service: {"amount": "100.10", "currency": "EUR"} for service in services},
        }
    )


@laws()
@given(
    agreements(),
    st.fixed_dictionaries(dict.fromkeys("abcd", values)),
    st.integers(0, 70),
    st.booleans(),
    st.integers(1, 3),
)
def test_a_cohort_comes_to_what_the_reference_says(agreement, measured, hours, one_is_excluded, at_once):
    terms = compile_terms([agreement])
    rows = [
        Measurement(service, "up", START + n * HOUR, value)
        for service in agreement.services
        for n, value in enumerate(measured.get(service, []))
        if value is not None
    ]
    if not rows:
        return
    readings = readings_of(terms)
    condenser = Condenser(readings, START, START + 70 * HOUR)
    codes = np.array([condenser.position(m.service, m.metric) for m in rows], np.int32)
    order = np.arange(len(readings))
    times, figures = np.array([m.time for m in rows]), np.array([m.value for m in rows])
    condenser.take_in(order, codes, times, figures)
    excluded = [Exclusion("a", START + HOUR, START + 5 * HOUR, "flood", "noc")] if one_is_excluded else []
    as_of = START + hours * HOUR + 1
    before = cohort.ROWS_AT_ONCE
    cohort.ROWS_AT_ONCE = at_once
    try:
        found = assess(terms, condenser.condensed(), excluded, as_of, since=START, lateness=DAY)
    finally:
        cohort.ROWS_AT_ONCE = before
    assert found == assess_plainly(terms, rows, excluded, as_of, since=START, lateness=DAY)
