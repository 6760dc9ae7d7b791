"""evidence.html in a real browser: it shows, nothing leaves it, nothing foreign acts in it, everybody can use it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import documentsample as sample
import pytest
from conftest import missing

from gather_diagnostics.document import render, view
from gather_diagnostics.document.html import to_html

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def picture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("picture", Path(__file__).parents[2] / "scripts" / "picture.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.browser() is None:
        missing("Chromium", "install the package chromium")
    return module


def colours(png: Path) -> tuple[int, int, set[bytes]]:
    """Width, height and the distinct bytes of the rows of a PNG: enough to tell a page from a blank."""
    data = png.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    at, packed = 8, b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    pixels = zlib.decompress(packed)
    stride = len(pixels) // height
    return width, height, {pixels[i * stride : (i + 1) * stride] for i in range(height)}


def write(folder: Path, html: bytes) -> Path:
    page = folder / "evidence.html"
    page.write_bytes(html)
    return page


@pytest.mark.parametrize(
    ("name", "width", "height", "dark"),
    [
        ("incident", 1280, 900, False),
        ("incident", 500, 900, True),
        ("blind", 1280, 900, False),
        ("hostile", 500, 900, False),
    ],
)
def test_page_shows_without_a_word_on_the_console(
    picture: ModuleType, tmp_path: Path, name: str, width: int, height: int, dark: bool
) -> None:
    page = write(tmp_path, render(view(getattr(sample, name)()))["evidence.html"])
    png = tmp_path / "page.png"
    assert picture.take(page, png, width=width, height=height, dark=dark) == []
    shown_width, shown_height, rows = colours(png)
    assert (shown_width, shown_height) == (width, height)
    assert len(rows) > height // 3


def test_a_broken_policy_would_be_heard(picture: ModuleType, tmp_path: Path) -> None:
    """The check above can fail: the same page with a changed style sheet and a script is refused aloud."""
    html = render(view(sample.healthy()))["evidence.html"].decode()
    html = html.replace("</style>", "p { color: red }</style>").replace("</main>", "<script>alert(1)</script></main>")
    said = picture.take(write(tmp_path, html.encode()), tmp_path / "page.png")
    assert any("style" in line for line in said)
    assert any("script" in line for line in said)


def test_without_a_browser_the_error_says_what_to_install(
    picture: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "NAMES", ("no-such-browser",))
    with pytest.raises(RuntimeError, match="install the package chromium"):
        picture.take(tmp_path / "no.html", tmp_path / "no.png")


# Through the browser's own protocol: clicks, keys, requests


DESK, PHONE = (1280, 900), (390, 844)
MOST_SECONDS = 4.0
"""For a page of 5,000 rows; it takes a tenth of that on an idle machine, and this one may be busy."""
FOCUSED = "(e => e === document.body ? '' : e.tagName + '.' + e.className)(document.activeElement)"
INJECTED = (
    sample.EVIL + ' =cmd|\' /C calc\'!A0 +HYPERLINK("https://evil.example/") @SUM(1) " onmouseover="alert(4)" x=\''
    " ' onfocus='alert(5)' autofocus='' </script><script>alert(6)</script> </style><style>*{display:none}</style>"
    " </title><svg/onload=alert(7)> <a href='javascript:alert(8)'>go</a> <iframe src='https://evil.example'></iframe>"
    " <form action='https://evil.example'><input></form> <meta http-equiv='refresh' content='0;url=https://evil.example'>"
)
"""EVIL, and what breaks out of attributes, scripts, styles and spreadsheets' cells."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright", "install the extra dev")
    program = shutil.which("chromium")
    if program is None:
        missing("Chromium", "install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Shown:
    """A page that is open, and all that it said or asked for meanwhile."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


class Opener:
    """Opens pages from files; whatever they ask for besides is refused, noted, and fails the test."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.contexts: list[Any] = []
        self.shown: list[Shown] = []

    def __call__(self, html: str, *, size: tuple[int, int] = DESK, anchor: str = "", **context: Any) -> Shown:
        address = write(self.folder, html.encode()).as_uri()
        width, height = size
        opened = self.browser.new_context(viewport={"width": width, "height": height}, **context)
        self.contexts.append(opened)
        shown = Shown(opened.new_page())
        self.shown.append(shown)

        def pass_on(route: Any) -> None:
            if route.request.url.split("#")[0] == address and route.request.is_navigation_request():
                route.continue_()
            else:
                shown.asked.append(route.request.url)
                route.abort()

        def dismiss(dialog: Any) -> None:
            shown.said.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        opened.route("**/*", pass_on)
        shown.page.on("console", lambda message: shown.said.append(f"{message.type}: {message.text}"))
        shown.page.on("pageerror", lambda error: shown.said.append(f"error: {error}"))
        shown.page.on("dialog", dismiss)
        shown.page.goto(address + anchor)
        return shown


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(chromium, tmp_path)
    yield opener
    for context in opener.contexts:
        context.close()
    assert [shown.said for shown in opener.shown if shown.said] == []
    assert [shown.asked for shown in opener.shown if shown.asked] == []


def page_of(name: str) -> str:
    return to_html(view(getattr(sample, name)()))


@pytest.mark.parametrize("name", ["incident", "healthy", "blind", "hostile"])
@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark"), (DESK, "dark")])
def test_axe_finds_nothing_serious(opened: Opener, name: str, size: tuple[int, int], scheme: str) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python", "install the extra dev")
    page = opened(page_of(name), size=size, color_scheme=scheme).page
    page.evaluate("for (const closed of document.querySelectorAll('details')) closed.open = true")
    found = Axe().run(page).response["violations"]
    assert [
        (v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
    ] == []


@pytest.mark.parametrize("script", [True, False])
def test_injected_text_stays_text(opened: Opener, monkeypatch: pytest.MonkeyPatch, script: bool) -> None:
    monkeypatch.setattr(sample, "EVIL", INJECTED)
    page = opened(page_of("hostile"), java_script_enabled=script).page
    for text in ("<script>alert(1)</script>", "onerror=alert(2)", "[click](javascript:alert(3))", "=cmd|' /C calc'!A0",
                 "{{ 7*7 }}", "check<script>out", "*bold*"):  # fmt: skip
        assert page.get_by_text(text).count(), text
    assert "\x1b" not in page.content()
    foreign = "iframe, img, form, object, embed, main script, svg script, [onload], [onerror], [onmouseover], [onfocus]"
    assert page.locator(foreign).count() == 0
    assert page.locator("script").count() == page.locator("style").count() == 1
    assert page.locator("meta[http-equiv]").count() == 1
    targets = [a.get_attribute("href") or "" for a in page.locator("a").all()]
    assert all(t.startswith(("#", "raw/", "tables/")) for t in targets)
    if script:
        page.evaluate("for (const closed of document.querySelectorAll('details')) closed.open = true")
        for button in page.locator("button:visible").all()[:40]:
            button.click()
        page.locator("input[type=search]").first.fill("<img src=x onerror=alert(9)>")
        page.wait_for_timeout(300)


def test_a_page_that_acts_would_be_heard(chromium: Any, tmp_path: Path) -> None:
    """The checks of the fixture can fail: a request and a script that are not the page's own are noticed."""
    opener = Opener(chromium, tmp_path)
    html = page_of("healthy").replace("</main>", "<img src='https://evil.example/x'><script>alert(1)</script></main>")
    shown = opener(html)
    shown.page.wait_for_timeout(200)
    assert any("script" in line for line in shown.said)
    loose = opener(re.sub(r"<meta http-equiv[^>]+>", "", html))
    loose.page.wait_for_timeout(200)
    assert loose.asked == ["https://evil.example/x"]
    assert "dialog: 1" in loose.said
    for context in opener.contexts:
        context.close()


@pytest.mark.parametrize("name", ["incident", "blind", "hostile"])
def test_phone_scrolls_one_way_and_shows_the_suspect_first(opened: Opener, name: str) -> None:
    page = opened(page_of(name), size=PHONE, is_mobile=True, has_touch=True).page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    if name == "incident":
        assert page.locator(".suspect .name").bounding_box()["y"] < 844


def test_first_screen_at_a_desk_holds_every_answer(opened: Opener) -> None:
    page = opened(page_of("incident")).page
    for place in (".answers", ".suspect", ".todo", ".unseen"):
        box = page.locator(place).bounding_box()
        assert box["y"] + box["height"] <= 1000, place


def test_page_is_whole_without_javascript(opened: Opener) -> None:
    html = page_of("incident")
    plain, full = opened(html, java_script_enabled=False).page, opened(html).page
    assert plain.locator("button, input").count() == 0
    assert full.locator("button.copy").count() > 5
    assert plain.locator(".suspect .name").inner_text() == full.locator(".suspect .name").inner_text()
    assert plain.locator("tbody tr").count() == full.locator("tbody tr").count()
    assert plain.locator("svg.chart").count() == full.locator("svg.chart").count()
    plain.locator(".suspect a[href='#why']").click()
    assert plain.evaluate("location.hash") == "#why"


def test_tables_sort_both_ways_and_back(opened: Opener) -> None:
    page = opened(page_of("incident")).page
    table = page.locator("table.timeline")

    def kinds() -> list[str]:
        return list(table.locator("tbody tr td:nth-child(2)").all_inner_texts())

    first = kinds()
    heading = table.locator("th").nth(1)
    for state, expected in (("ascending", sorted(first)), ("descending", sorted(first, reverse=True)), ("none", first)):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == state
        assert kinds() == expected
    numbers = page.locator("table.patterns")
    numbers.locator("th", has_text="Incident").locator("button").click()
    values = [int(t.replace(",", "")) for t in numbers.locator("tbody tr td:nth-child(3)").all_inner_texts()]
    assert values == sorted(values)


def test_tables_filter_and_a_link_shows_a_hidden_row(opened: Opener) -> None:
    page = opened(page_of("incident")).page
    section = page.locator("#evidence")
    rows = section.locator("tbody tr")
    section.locator("input[type=search]").fill("NO-such words")
    section.get_by_text(f"0 of {rows.count()} rows").wait_for()
    assert section.locator("tbody tr:visible").count() == 0
    page.locator(".answers .refs a").first.click()
    target = page.locator(page.evaluate("location.hash"))
    target.wait_for(state="visible")
    assert section.locator("input[type=search]").input_value() == ""
    section.locator("input[type=search]").fill("poolTIMEOUT logs")
    page.wait_for_timeout(300)
    shown = section.locator("tbody tr:visible").all_inner_texts()
    assert 0 < len(shown) < rows.count()
    assert all("pooltimeout" in text.lower() for text in shown)


def test_copy_button_copies_the_whole_revision(opened: Opener) -> None:
    html = page_of("incident")
    page = opened(html, permissions=["clipboard-read", "clipboard-write"]).page
    source = page.locator(".suspect [data-copy]").first
    page.locator(".suspect button.copy").first.click()
    page.locator("#said", has_text="copied").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == source.get_attribute("data-copy")


def test_everything_can_be_reached_and_used_by_keyboard(opened: Opener) -> None:
    page = opened(page_of("incident")).page
    reached: dict[str, int] = {}
    for _ in range(400):
        page.keyboard.press("Tab")
        kind = page.evaluate(FOCUSED)
        if not kind:
            break
        reached[kind] = reached.get(kind, 0) + 1
        if kind == "BUTTON.sort" and reached[kind] == 1:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            page.keyboard.press("Enter")
            assert page.locator("[aria-sort=ascending]").count() == 1
    for kind in ("BUTTON.copy", "BUTTON.sort", "INPUT.", "SUMMARY.", "DIV.wide"):
        assert reached.get(kind), kind
    names = page.locator("button.copy").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert all(name.startswith("Copy ") for name in names)


def test_paper_is_white_open_and_without_controls(opened: Opener) -> None:
    page = opened(page_of("incident"), color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav:visible, .filter:visible, button.copy:visible").count() == 0
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert page.locator("details:not([open])").count() == 0


@pytest.mark.parametrize("script", [True, False])
def test_five_thousand_rows_open_in_about_a_second(opened: Opener, script: bool) -> None:
    document = view(sample.large())
    entry = document["timeline"][0]
    what = "9d93c4973b Show delivery slots in the summary (#845) by Somebody"
    rows = [
        entry | {"time": (sample.ONSET + timedelta(seconds=i)).isoformat(), "what": f"{what} {i}"} for i in range(5000)
    ]
    page = opened(to_html({**document, "timeline": rows}), java_script_enabled=script).page
    assert page.locator("table.timeline tbody tr").count() == 5000
    taken = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < taken < 1000 * MOST_SECONDS


def test_evidence_of_five_thousand_rows_opens_as_fast(opened: Opener) -> None:
    page = opened(page_of("large")).page
    taken = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < taken < 1000 * MOST_SECONDS
