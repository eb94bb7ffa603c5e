"""Paths in messages and tables: one line of text, whatever their characters."""

import os
from pathlib import Path


def printable(path: Path | str) -> str:
    """`path` in one line that any stream can print; bytes that are not UTF-8 become \\xff."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
