"""What a period would be credited with if it ended as it stands."""

from dataclasses import replace
from decimal import Decimal

import pytest

from upheld.agreements.model import Portfolio
from upheld.assessment.verdict import Credit, Verdict
from upheld.web.standing import credit_so_far

VERDICT = Verdict(
    "a", "o", "s", "c", 0, 86_400_000_000, "violated", False, "0.998", 900, 20, 0, 0, "1.4", "20", None, None, None, ()
)  # fmt: skip


def agreement_of(credits: list[dict[str, str]], **fields: object):
    agreement = {
        "id": "a",
        "customer": "c",
        "valid": {"from": "2026-01-01"},
        "services": ["s"],
        "objectives": [
            {
                "id": "o",
                "indicator": {"kind": "availability", "metric": "up", "good_when": ">= 1"},
                "period": {"calendar": "day"},
                "target": "99.9 %",
                "credits": credits,
            }
        ],
        "charge": {"s": {"amount": "1200.00", "currency": "EUR"}},
        **fields,
    }
    return Portfolio.model_validate({"agreements": [agreement]}).agreements[0]


BY_SHARE = [{"below": "99.9 %", "share": "10 %"}, {"below": "99.0 %", "share": "25 %"}]
BY_TIME = [{"over": "15m", "share": "5 %"}, {"over": "30m", "share": "15 %"}]


@pytest.mark.parametrize(
    ("credits", "attained", "bad", "fields", "amount"),
    [
        (BY_SHARE, "0.998", 20, {}, "120.00"),
        (BY_SHARE, "0.98", 20, {}, "300.00"),
        (BY_SHARE, "0.98", 20, {"credit_cap": "20 %"}, "240.00"),
        (BY_TIME, "0.98", 20, {}, "60.00"),
        (BY_TIME, "0.98", 31, {}, "180.00"),
        (BY_TIME, "0.98", 15, {}, None),
        (BY_SHARE, "0.9995", 20, {}, None),
        (BY_SHARE, None, 0, {}, None),
        (BY_SHARE, "0.98", 20, {"charge": {}}, None),
        ([], "0.98", 20, {}, None),
    ],
)
def test_a_credit_so_far_follows_the_tiers(credits, attained, bad, fields, amount) -> None:
    agreement = agreement_of(credits, **fields)
    verdict = replace(VERDICT, attained=attained, bad=bad)
    wanted = None if amount is None else Credit(Decimal(amount), "EUR")
    assert credit_so_far(agreement, agreement.objectives[0], verdict) == wanted
