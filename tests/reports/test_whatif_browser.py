"""The page of a comparison in a real browser: it fits a phone, and its texts can be read in light and in dark."""

import os
from pathlib import Path

import pytest
from test_whatif import JULY, page, verdict, violated

from upheld.agreements.units import DAY

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = Path(os.environ.get("UPHELD_TEST_CHROMIUM", "/usr/bin/chromium"))
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: name it in UPHELD_TEST_CHROMIUM")

CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('title, desc') || !e.checkVisibility()) continue;
    const style = getComputedStyle(e);
    const drawn = e.namespaceURI.endsWith('svg');
    const bar = drawn && e.classList.length && e.classList[0].startsWith('in-') && document.querySelector('svg rect.' + e.classList[0].slice(3));
    const [a, b] = [light(drawn ? style.fill : style.color), light(bar ? getComputedStyle(bar).fill : ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) poor.push(e.textContent.trim() + ' ' + (a + .05) / (b + .05));
  }
  return poor;
}"""  # noqa: E501 - one expression of the browser's language a line


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def shown(browser, width, scheme):
    days = [verdict(start=JULY + n * DAY, end=JULY + (n + 1) * DAY) for n in range(4)]
    before = [*days, violated(credit="1234567.89"), violated(service="lan", credit="99.00")]
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.set_content(
        page(before, [*days, verdict(), violated(service="lan", credit="12345.00")], ["gold/up/" + "x" * 90])
    )
    return tab


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser, width):
    tab = shown(browser, width, "light")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    right = tab.evaluate(
        "Math.max(...[...document.querySelectorAll('svg *')].map(e => e.getBoundingClientRect().right))"
    )
    assert right <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser, scheme):
    assert shown(browser, 1000, scheme).evaluate(CONTRAST) == []


def test_a_chart_has_its_name_for_those_who_do_not_see_it(browser):
    tab = shown(browser, 1000, "light")
    assert tab.get_by_role("img", name="Credit, EUR, before and after").count() == 1
    tab.get_by_text("The same as a table").first.click()
    assert tab.get_by_role("cell", name="1,234,666.89").count() >= 1
