"""A verdict read back from what a case carries of it."""

from decimal import Decimal

import pytest

from upheld.assessment.verdict import Credit, Evidence, Verdict, to_document
from upheld.web.told import read_verdict

PLAIN = Verdict(
    "a", "o", "s", "c", 1_000_000, 86_400_000_000, "no_data", False, None, 0, 0, 9, 0, None, None, None, None, None, ()
)  # fmt: skip
FULL = Verdict(
    "a", "o", "s", "c", 1_000_000, 86_400_000_000, "violated", True, "0.98", 5, 4, 3, 2, "1.4", "4", 60_000_001,
    120_000_000, Credit(Decimal("12.50"), "EUR"), (Evidence(0, 60_000_000, "bad", "up not >= 1"),), 3, 2,
)  # fmt: skip


@pytest.mark.parametrize("verdict", [PLAIN, FULL])
def test_a_verdict_is_read_as_it_was_written(verdict: Verdict) -> None:
    assert read_verdict(to_document(verdict)) == verdict
    assert read_verdict({**to_document(verdict), "evidence_omitted": 4}) == verdict
