"""One list of blocks as Markdown and as HTML: the HTML needs nothing but itself."""

import struct
import zlib
from base64 import b64decode
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from spm.report.as_html import as_html
from spm.report.as_markdown import as_markdown
from spm.report.blocks import Block, Heading, Items, Picture, Table, Text

EVIL = "<script src='https://x.example/a.js'></script> ![x](http://x.example) \" & [something]"
_VOID = ("meta", "img")


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def assert_needs_nothing_else(page: Page, *, pictures: int) -> None:
    """No script, nothing that a browser would load, and every picture in the page."""
    loading = {"script", "link", "iframe", "object", "embed", "video", "audio", "base", "a"}
    assert not loading & {tag for tag, _ in page.tags}
    (policy,) = [each for each in page.of("meta") if "http-equiv" in each]
    assert str(policy["content"]).startswith("default-src 'none'; img-src data:;")
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "href"]
        assert str(attributes.get("src", "data:")).startswith("data:")
    images = page.of("img")
    assert len(images) == pictures
    for image in images:
        assert image["alt"]
        kind, _, content = str(image["src"]).partition("base64,")
        assert kind == "data:image/png;"
        assert b64decode(content, validate=True).startswith(b"\x89PNG")


def png(path: Path) -> Path:
    """One black point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\0")))
    return path


@pytest.fixture
def blocks(tmp_path: Path) -> list[Block]:
    png(tmp_path / "a.png")
    return [
        Heading("motion: 90 %", level=1),
        Text(f"A class called {EVIL}, and `code: zero`."),
        Heading("Numbers"),
        Items(["one", EVIL]),
        Table(("class", "accuracy"), [(EVIL, "9.5"), ("a | b", "8")]),
        Picture("a.png", "a point", f"Taken for {EVIL}"),
    ]


def html(blocks: Sequence[Block], folder: Path) -> Page:
    return Page(as_html(blocks, title=EVIL, folder=folder))


def test_html_needs_nothing_else_whatever_classes_are_called(
    blocks: list[Block], tmp_path: Path
) -> None:
    page = html(blocks, tmp_path)
    assert_needs_nothing_else(page, pictures=1)
    assert page.words.count(EVIL) == 5


def test_both_pages_say_the_same(blocks: list[Block], tmp_path: Path) -> None:
    markdown, page = as_markdown(blocks), html(blocks, tmp_path)
    for words in ("motion: 90 %", "Numbers", "code: zero", "9.5", f"Taken for {EVIL}"):
        assert words in markdown
        assert words in page.words
    assert [tag for tag, _ in page.tags if tag in ("h1", "h2", "ul", "table", "code", "img")] == [
        *("h1", "code", "h2", "ul", "table", "img")
    ]
    assert "`code: zero`" in markdown
    assert "![a point](a.png)\n\nTaken for" in markdown


def test_a_table_in_markdown_has_as_many_cells_in_each_row(blocks: list[Block]) -> None:
    rows = [line for line in as_markdown(blocks).splitlines() if line.startswith("|")]
    assert rows[:2] == ["| class | accuracy |", "| :-- | --: |"]
    assert rows[3] == "| a \\| b | 8 |"


def test_a_picture_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        as_html([Picture("no.png", "none")], title="t", folder=tmp_path)
