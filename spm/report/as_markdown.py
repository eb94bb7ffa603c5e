"""Writes blocks as Markdown, with pictures in files beside it."""

from collections.abc import Sequence

from spm.report.blocks import Block, Heading, Items, Picture, Table, Text


def as_markdown(blocks: Sequence[Block]) -> str:
    """The page."""
    return "\n\n".join(_block(block) for block in blocks) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Items(lines):
            return "\n".join(f"- {line}" for line in lines)
        case Table(head, rows):
            rule = [":--", *["--:"] * (len(head) - 1)]
            return "\n".join(_row(cells) for cells in (head, rule, *rows))
        case Picture(file, alt, caption):
            return f"![{alt}]({file})" + (f"\n\n{caption}" if caption else "")


def _row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
