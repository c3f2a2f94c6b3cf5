"""The pages in a real Chromium: drawn, reachable by keyboard, fit for a phone, readable in the dark."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from a_morning import World
from test_steps import ASKING, link, step

from upheld.app import DEFAULT_TENANT

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = Path(os.environ.get("UPHELD_TEST_CHROMIUM", "/usr/bin/chromium"))
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: name it in UPHELD_TEST_CHROMIUM")

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


@contextmanager
def listening(world: World) -> Iterator[str]:
    """The world's pages behind a real port; gives their address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(world.app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(morning: World) -> Iterator[str]:
    with listening(morning) as address:
        yield address


class Visit:
    """A tab that keeps what its console complains of: a policy broken, a script failed."""

    def __init__(self, browser: "sync_api.Browser", address: str, **options: object) -> None:
        self.context = browser.new_context(base_url=address, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)

    def sign_in(self, key: str) -> None:
        self.page.goto("/login")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def refresh(self) -> None:
        """What the page does by itself every few seconds, now."""
        while self.page.evaluate("typeof htmx") == "undefined":  # its script is loaded after the page
            self.page.wait_for_timeout(50)
        self.page.evaluate("htmx.trigger('#live', 'every')")


@pytest.fixture
def visit(browser: "sync_api.Browser", address: str, morning: World) -> Iterator[Visit]:
    visit = Visit(browser, address, viewport=DESKTOP)
    visit.sign_in(morning.key)
    yield visit
    visit.context.close()


def test_the_overview_is_drawn_without_complaint(visit: Visit) -> None:
    row = visit.page.get_by_role("row", name="vpn-0042").filter(has_text="availability")
    assert "Violated" in row.inner_text()
    gauge = row.get_by_role("img", name="277 % of the budget spent").bounding_box()
    assert gauge is not None
    assert gauge["width"] > 100
    assert visit.complaints == []


def test_a_refresh_brings_news_and_keeps_focus_and_scroll(browser: "sync_api.Browser", world: World) -> None:
    with listening(world) as address:
        visit = Visit(browser, address, viewport={"width": 1280, "height": 420})
        visit.sign_in(world.key)
        page = visit.page
        page.get_by_role("link", name="riverbank-web").focus()
        page.evaluate("window.scrollTo(0, 150); document.querySelector('h2').kept = 'yes'")
        case = world.case()
        assert page.get_by_role("link", name=case.id).count() == 1
        assert page.get_by_role("cell", name=f"{case.id} closed").count() == 0
        world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", True, "")
        visit.refresh()
        page.get_by_role("cell", name=f"{case.id} closed").wait_for()
        assert page.evaluate("document.activeElement.textContent") == "riverbank-web"
        assert page.evaluate("window.scrollY") == 150
        assert page.evaluate("document.querySelector('h2').kept") == "yes"
        assert visit.complaints == []
        visit.context.close()


def test_a_page_whose_server_is_gone_says_that_it_is_old(browser: "sync_api.Browser", world: World) -> None:
    with listening(world) as address:
        visit = Visit(browser, address)
        visit.sign_in(world.key)
        visit.page.route(f"{address}/", lambda route: route.abort())
        visit.refresh()
        visit.page.get_by_text("The connection is lost").wait_for()
        assert visit.page.get_by_role("row", name="vpn-0042").count() == 2
        visit.page.unroute(f"{address}/")
        visit.refresh()
        visit.page.get_by_text("The connection is lost").wait_for(state="hidden")
        visit.context.close()


COLOURS = """() => {
  const canvas = document.querySelector('#chart canvas'), at = canvas.getContext('2d');
  const pixels = at.getImageData(0, 0, canvas.width, canvas.height).data, found = new Set();
  for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3]) found.add(pixels.slice(i, i + 4).join());
  return found.size;
}"""


def test_a_case_draws_its_evidence(visit: Visit, morning: World) -> None:
    visit.page.goto(f"/cases/{morning.case().id}")
    visit.page.locator("#chart[data-drawn]").wait_for()
    box = visit.page.locator("#chart canvas").bounding_box()
    assert box is not None
    assert box["width"] > 900
    assert box["height"] > 250
    assert visit.page.evaluate(COLOURS) > 20
    assert "bad for 14 min" in visit.page.locator("#chart-summary").inner_text()
    assert visit.page.get_by_role("img", name="reachable of vpn-0042").count() == 1
    visit.page.get_by_text("Every interval as a table").click()
    assert visit.page.get_by_role("cell", name="customer_cause").is_visible()
    assert visit.complaints == []


def test_an_opened_notice_stays_open_when_the_page_refreshes(visit: Visit, morning: World) -> None:
    visit.page.goto(f"/cases/{morning.case().id}")
    visit.page.locator("summary", has_text="Question to the customer").click()
    letter = visit.page.get_by_text("Is the problem with vpn-0042 solved?")
    assert letter.is_visible()
    with visit.page.expect_response("**/cases/*"):
        visit.refresh()
    visit.page.wait_for_timeout(300)
    assert letter.is_visible()
    assert visit.page.locator("#chart canvas").count() == 1
    assert visit.complaints == []


def test_a_mail_is_shown_in_a_frame_that_runs_nothing_and_its_link_opens_the_question(visit: Visit) -> None:
    visit.page.goto("/mailbox")
    visit.page.get_by_role("link", name="vpn-0042: is the problem solved?").click()
    frame = visit.page.frame_locator("iframe")
    frame.get_by_role("heading", name="Is the problem with vpn-0042 solved?").wait_for()
    assert visit.page.locator("iframe").get_attribute("sandbox") == "allow-popups allow-popups-to-escape-sandbox"
    links = frame.get_by_role("link", name="Answer the question")
    assert "/confirm/" in str(links.first.get_attribute("href"))
    assert visit.complaints == []


def test_the_customer_answers_by_click(browser: "sync_api.Browser", world: World) -> None:
    with listening(world) as address:
        visit = Visit(browser, address, viewport=PHONE)
        visit.page.goto(world.confirm_path(world.case()))
        assert world.case().state == "confirming"
        visit.page.get_by_label("A comment").fill("Fine since eight")
        visit.page.get_by_role("button", name="Yes, it is solved").click()
        visit.page.get_by_role("heading", name="Thank you").wait_for()
        assert world.case().outcome == "confirmed"
        assert visit.complaints == []
        visit.context.close()


def test_the_customer_answers_by_keyboard(browser: "sync_api.Browser", world: World) -> None:
    with listening(world) as address:
        visit = Visit(browser, address, viewport=DESKTOP)
        page = visit.page
        page.goto(world.confirm_path(world.case()))
        passed = []
        while not passed or "No, it is not" not in passed[-1]:
            page.keyboard.press("Tab")
            passed.append(page.evaluate("document.activeElement.textContent || document.activeElement.name"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            assert len(passed) < 10, passed
        assert [word.strip() for word in passed] == [
            "Skip to the content",
            "comment",
            "score",
            "Yes, it is solved",
            "No, it is not",
        ]
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Thank you for telling us").wait_for()
        assert world.case().state == "reopened"
        visit.context.close()


def test_work_is_planned_with_the_form(browser: "sync_api.Browser", world: World) -> None:
    with listening(world) as address:
        visit = Visit(browser, address, viewport=DESKTOP)
        visit.sign_in(world.key)
        page = visit.page
        page.goto("/maintenance")
        page.get_by_role("button", name="Plan and announce").click()
        page.get_by_text("Nothing is planned yet: 5 fields to correct").wait_for()
        page.get_by_label("What will be done").fill("New line card")
        page.locator("#start").fill("2026-06-20T23:00")
        page.locator("#end").fill("2026-06-21T01:00")
        page.get_by_label("Time zone of all").select_option("Europe/Berlin")
        page.get_by_label("vpn-0043").check()
        page.get_by_label("Approved by").fill("K. Lang")
        page.get_by_role("button", name="Plan and announce").click()
        page.get_by_text("“New line card” is planned. 1 notice is on the way").wait_for()
        work = page.locator(".work", has_text="New line card")
        assert "2026-06-20 21:00 UTC" in work.inner_text()
        work.get_by_text("Cancel this work").click()
        work.get_by_role("button", name="Cancel “New line card”").click()
        page.get_by_text("“New line card” is cancelled").wait_for()
        assert [c for c in visit.complaints if "status of 422" not in c] == []
        visit.context.close()


PAGES = [
    "/",
    "/cases",
    "/cases/{case}",
    "/agreements/acme-vpn-gold",
    "/maintenance",
    "/maintenance/notices",
    "/tickets",
    "/promises",
    "/performance",
    "/dead-letters",
    "/dead-letters/{letter}",
    "/mailbox",
    "{confirm}",
]


def test_a_phone_never_scrolls_sideways(browser: "sync_api.Browser", address: str, morning: World) -> None:
    visit = Visit(browser, address, viewport={"width": 360, "height": 740}, is_mobile=True, device_scale_factor=2)
    visit.sign_in(morning.key)
    for path in PAGES:
        visit.page.goto(morning.address(path))
        width = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= 360 and width[1] <= 360, (path, width)  # noqa: PT018  # one fact: nothing is wider
    visit.context.close()


FAINT = """() => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = colours => {
    paint.clearRect(0, 0, 1, 1);
    for (const c of colours) { paint.fillStyle = c; paint.fillRect(0, 0, 1, 1); }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(getComputedStyle(e).backgroundColor);
    return layers;
  };
  const faint = [], words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const e = words.currentNode.parentElement, text = words.currentNode.textContent.trim();
    if (!text || !e.checkVisibility() || e.closest('script, option, .skip, [aria-hidden=true]')) continue;
    const layers = behind(e), a = light(over(layers)), b = light(over([...layers, getComputedStyle(e).color]));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${text.slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return { faint, page: light(over(behind(document.body))) };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read(browser: "sync_api.Browser", address: str, morning: World, scheme: str) -> None:
    visit = Visit(browser, address, viewport=DESKTOP, color_scheme=scheme)
    visit.sign_in(morning.key)
    for path in PAGES:
        visit.page.goto(morning.address(path))
        found = visit.page.evaluate(FAINT)
        assert found["faint"] == [], path
        assert found["page"] > 0.8 if scheme == "light" else found["page"] < 0.05
    visit.context.close()


UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]
  .filter(e => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.ariaLabel)
  .map(e => e.outerHTML)"""
DOUBLED = """() => [...document.querySelectorAll('[id]')].map(e => e.id)
  .filter((id, n, all) => all.indexOf(id) !== n)"""


def test_every_page_can_be_found_one_s_way_in(visit: Visit, morning: World) -> None:
    for path in PAGES[:-1]:
        visit.page.goto(morning.address(path))
        assert visit.page.get_by_role("main").count() == 1
        assert visit.page.get_by_role("navigation", name="Main").count() == 1
        assert visit.page.locator("h1").count() == 1
        unnamed = visit.page.evaluate(UNNAMED)
        assert unnamed == [], path
        doubled = visit.page.evaluate(DOUBLED)
        assert doubled == [], path


def test_a_session_is_found_again_after_a_link_from_elsewhere(visit: Visit) -> None:
    visit.page.goto("/login?next=%2Ftickets")
    visit.page.wait_for_url("**/tickets")


def test_a_page_whose_session_has_ended_leads_to_sign_in_by_itself(visit: Visit) -> None:
    visit.page.goto("/cases")
    visit.context.clear_cookies()
    visit.refresh()
    visit.page.wait_for_url("**/login?next=%2Fcases")


def test_a_step_is_decided_by_its_link(browser: "sync_api.Browser", world: World) -> None:
    world.process.steps.adopt_playbooks(DEFAULT_TENANT, ASKING)
    world.pass_minutes(6, vpn_0042=0.0)  # the line breaks again
    action = step(world, "approval")
    with listening(world) as address:
        visit = Visit(browser, address, viewport=PHONE)
        visit.page.goto(link(world, action))
        visit.page.get_by_text("Switch over?").wait_for()
        assert step(world, "approval") == action, "looking decides nothing"
        visit.page.get_by_label("Your name").fill("Ada")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        visit.page.get_by_role("button", name="Approve").click()
        visit.page.get_by_text("There is nothing to decide any more").wait_for()
        assert step(world, "approval").state == "done"
        assert (step(world, "approval").by or "").startswith("Ada")
        assert visit.complaints == []
        visit.context.close()
