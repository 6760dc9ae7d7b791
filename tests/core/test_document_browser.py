"""evidence.html in a real browser: it shows, and neither an error nor a refusal of its policy is on the console."""

from __future__ import annotations

import importlib.util
import struct
import zlib
from pathlib import Path
from types import ModuleType

import documentsample as sample
import pytest
from conftest import missing

from gather_diagnostics.document import render, view

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
