"""What a page is made of. as_markdown.py and as_html.py write the same blocks as two files.

In texts, `backticks` are code. Nothing else is markup in the HTML, whatever characters texts of
classes hold; report.md is written as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """The title of the page or, of level 2, of a section."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table. The first column holds words, the others numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG file beside the page."""

    file: str
    alt: str
    """What it shows, for who cannot see it."""
    caption: str = ""
    """How to read it."""


Block = Heading | Text | Items | Table | Picture
