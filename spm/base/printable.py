"""Command lines that take paths, whatever their characters: names of clips begin with dashes.

    predict --model data/model --support -x/ -kYz.mp4 b.mp4       what a shell makes of *.mp4

An option is what its parser knows, in full. All else is a path, and so is what follows an option
that takes a value. A path that looks like an option follows a --, or is written ./--model.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class PathParser(argparse.ArgumentParser):
    """A parser for which only its own options begin with a dash."""

    def __init__(self, **kwargs: Any) -> None:
        self._known: dict[str, argparse.Action] = {}
        super().__init__(allow_abbrev=False, **kwargs)

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        action = super().add_argument(*args, **kwargs)
        self._known |= dict.fromkeys(action.option_strings, action)
        return action

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse does, which is given the options first, and the paths behind a --."""
        given = list(sys.argv[1:] if args is None else args)
        options: list[str] = []
        paths: list[str] = []
        while given:
            argument = given.pop(0)
            if argument == "--":
                paths, given = paths + given, []
            elif self._takes_next(argument, given):
                options.append(f"{argument}={given.pop(0)}")
            elif argument.split("=")[0] in self._known:
                options.append(argument)
            else:
                paths.append(self._path(argument))
        return super().parse_known_args([*options, "--", *paths], namespace)

    def _takes_next(self, argument: str, following: list[str]) -> bool:
        """Whether `argument` is an option whose value comes next."""
        takes_value = argument in self._known and self._known[argument].nargs != 0
        return takes_value and bool(following) and following[0] not in self._known

    def _path(self, argument: str) -> str:
        """Raises for what may be an option that was mistyped."""
        if argument.startswith("-") and not Path(argument).exists():
            self.error(
                f"there is no option {printable(argument)}, and no file of that name; a new file "
                f"would be ./{printable(argument)}"
            )
        return argument


def printable(path: Path | str) -> str:
    """`path` in one line that any stream can print: what is no text in it is written as \\xff."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
