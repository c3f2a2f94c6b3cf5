"""A provider's brand: its color, its signature, and where answers go to."""

import pytest
from pydantic import ValidationError

from upheld.agreements.model import Portfolio
from upheld.agreements.parties import Brand
from upheld.notices.examples import PORTFOLIO, PROVIDER, example

NORTH = PROVIDER.model_copy(
    update={
        "brand": Brand.model_validate(
            {
                "color": "#7a1f5c",
                "signature": {"de": "Northern Networks GmbH, Bremen\nTel. +49 421 555 0 <b>", "en": "Call us."},
                "reply_to": "noc@north.example",
            }
        )
    }
)


def test_a_brand_colors_what_can_be_pressed_and_signs_in_the_readers_language() -> None:
    notice = example("question", "de", NORTH)
    assert "background:#7a1f5c" in notice.html
    assert "border-left:5px solid #7a1f5c" in notice.html
    assert "Northern Networks GmbH, Bremen<br>Tel. +49 421 555 0 &lt;b&gt;" in notice.html
    assert notice.text.endswith("Northern Networks GmbH, Bremen\nTel. +49 421 555 0 <b>\n")
    assert notice.reply_to == "noc@north.example"


def test_what_is_good_or_bad_keeps_its_color() -> None:
    assert "border-left:5px solid #c62828" in example("violation", "de", NORTH).html


def test_a_language_without_a_signature_has_none() -> None:
    assert "Northern Networks GmbH" not in example("question", "fr", NORTH).text
    assert "Call us." in example("question", "en", NORTH).text


def test_one_signature_serves_every_language() -> None:
    brand = Brand.model_validate({"signature": "Northern Networks"})
    assert set(brand.signature) == {"en", "de", "fr", "es"}


@pytest.mark.parametrize(
    ("brand", "told"),
    [
        ({"color": "#ffcc00"}, "white cannot be read on it: the contrast is 1.5 to 1"),
        ({"color": "red"}, "should match pattern"),
        ({"signature": {"it": "Ciao"}}, "'en', 'de', 'fr' or 'es'"),
        ({"reply_to": "a@b\r\nBcc: c@d"}, "should match pattern"),
    ],
)
def test_a_brand_that_cannot_be_used_is_refused(brand: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Brand.model_validate(brand)


def test_a_customer_has_no_brand() -> None:
    customer = {"id": "acme", "name": "Acme", "brand": {"color": "#000000"}, "contacts": {"noc": [{"email": "a@b.c"}]}}
    agreements = PORTFOLIO.agreements
    with pytest.raises(ValidationError, match=r"customers\.0\.brand: is the provider's only"):
        Portfolio(agreements=agreements, customers=(customer,))  # type: ignore[arg-type]
