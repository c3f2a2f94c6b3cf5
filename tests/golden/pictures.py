"""Every example of a notice as its mail looks in Chromium: `cd tests && python -m golden.pictures DIR`.

For each kind a contact sheet, `DIR/<kind>.png` and the same as a page, for a person to look at: each example, light and
dark, in every language as wide as a phone, and in English and German as wide as a desk. Each picture lies beside it as
`<example>-<language>-<width>-<scheme>.png`. `--only KIND` for one kind.
"""

import argparse
import os
from pathlib import Path
from typing import Literal, get_args

from playwright.sync_api import Page, sync_playwright

from upheld.agreements.contacts import Language
from upheld.notices.examples import EXAMPLES, PROVIDER, RECEIPT, example
from upheld.notices.model import NoticeKind
from upheld.notices.texts import letter

PHONE, DESK = 390, 1280
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LOOKS: list[tuple[Language, int]] = [
    *((language, PHONE) for language in get_args(Language)),
    ("en", DESK),
    ("de", DESK),
]
"""(language, width in pixels) of each picture of an example."""
STYLE = "<style>body{font:16px sans-serif;background:#bbb}div{display:flex;gap:8px;align-items:start}</style>"
CHROMIUM = os.environ.get("UPHELD_TEST_CHROMIUM", "/usr/bin/chromium")


def draw(tab: Page, kind: NoticeKind, folder: Path) -> Path:
    """The pictures of a kind, and their sheet."""
    rows = ""
    for name in (name for name, one in EXAMPLES.items() if one.kind == kind):
        for scheme in SCHEMES:
            shown = "".join(f"<img src={_picture(tab, name, *look, scheme, folder).name}>" for look in LOOKS)
            rows += f"<h2>{name}, {scheme}</h2><div>{shown}</div>"
    page, sheet = folder / f"{kind}.html", folder / f"{kind}.png"
    page.write_text(f"<meta charset=utf-8>{STYLE}{rows}", "utf-8")
    tab.goto(page.resolve().as_uri())
    _shoot(tab, sum(width for _, width in LOOKS) + 80, "light", sheet)
    return sheet


def _picture(tab: Page, name: str, language: Language, width: int, scheme: Scheme, folder: Path) -> Path:
    tab.set_content(letter(example(name, language), RECEIPT, PROVIDER.id).html)
    picture = folder / f"{name}-{language}-{width}-{scheme}.png"
    _shoot(tab, width, scheme, picture)
    return picture


def _shoot(tab: Page, width: int, scheme: Scheme, picture: Path) -> None:
    tab.set_viewport_size({"width": width, "height": 600})
    tab.emulate_media(color_scheme=scheme)
    tab.screenshot(path=picture, full_page=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Every notice as a picture, and a contact sheet of each kind.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=get_args(NoticeKind))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        for kind in [asked.only] if asked.only else get_args(NoticeKind):
            print(draw(tab, kind, asked.folder))
        browser.close()


if __name__ == "__main__":
    main()
