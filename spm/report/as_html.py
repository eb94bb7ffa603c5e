"""Writes blocks as one HTML file that needs nothing else: pictures are in it, and no script.

Its policy forbids a browser to load anything for it.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from spm.report.blocks import Block, Heading, Items, Picture, Table, Text

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif }}
main {{ max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }}
h1 {{ font-size: 1.5rem; line-height: 1.25 }}
h2 {{ font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc }}
figure {{ margin: 1.5rem 0 }}
img {{ display: block; max-width: 100%; height: auto }}
figcaption {{ margin-top: .5rem; color: #444 }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; overflow-wrap: normal }}
th, td {{ padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right }}
th:first-child, td:first-child {{ padding-left: 0; text-align: left }}
@media (max-width: 40rem) {{ th, td {{ padding: .2rem .3rem; font-size: .85rem }} }}
code {{ font-size: .9em; background: #f2f2f2; padding: 0 .2em }}
</style>
</head>
<body>
<main>
"""
_TAIL = "</main>\n</body>\n</html>\n"


def as_html(blocks: Sequence[Block], *, title: str, folder: Path) -> str:
    """The page. folder: where the pictures are."""
    body = "\n".join(_block(block, folder) for block in blocks)
    return f"{_HEAD.format(title=escape(title))}{body}\n{_TAIL}"


def _block(block: Block, folder: Path) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_inline(text)}</h{level}>"
        case Text(text):
            return f"<p>{_inline(text)}</p>"
        case Items(lines):
            items = "\n".join(f"<li>{_inline(line)}</li>" for line in lines)
            return f"<ul>\n{items}\n</ul>"
        case Table(head, rows):
            return _table(head, rows)
        case Picture(file, alt, caption):
            below = f"\n<figcaption>{_inline(caption)}</figcaption>" if caption else ""
            source = f"data:image/png;base64,{b64encode((folder / file).read_bytes()).decode()}"
            return f'<figure>\n<img alt="{escape(alt)}" src="{source}">{below}\n</figure>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """It scrolls by itself where it is wider than the page."""
    body = "\n".join(_row(cells, "td") for cells in rows)
    return f'<div class="wide">\n<table>\n{_row(head, "th")}\n{body}\n</table>\n</div>'


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{_inline(cell)}</{tag}>' for cell in cells)}</tr>"


def _inline(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
