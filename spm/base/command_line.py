"""Command lines: a typer function each, which both `clip-spm NAME` and `python -m …` run.

    predict --model data/model --support -x/ -kYz.mp4 b.mp4       what a shell makes of *.mp4

Names of clips begin with dashes. For a `PathCommand`, an option is what the command knows, in full.
All else is a path, and so is what follows an option that takes a value. A path that looks like an
option follows a --, or is written ./--model.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from spm.base.printable import printable

_HELP = ["-h", "--help"]


def new_app(**settings: Any) -> typer.Typer:
    """For commands to be added: plain text, no traceback but Python's, no option but theirs."""
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **settings
    )


def run_app(app: typer.Typer, *, prog: str) -> int:
    """Runs what `sys.argv` asks of `app`; returns its exit status, 2 where a command is mistyped.

    `prog` is what the user typed, for the line on usage. What the command raises comes through.
    """
    asked = get_command(app)
    try:
        with asked.make_context(prog, sys.argv[1:], help_option_names=_HELP) as context:
            return asked.invoke(context) or 0
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        print(f"{prog}: error: {error.format_message()} (--help says more)", file=sys.stderr)
        return error.exit_code


class PathCommand(TyperCommand):
    """A command for which only its own options begin with a dash."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer does, which is given the options first, and the paths behind a --."""
        return super().parse_args(ctx, [*self._options_first(ctx, args)])

    def _options_first(self, ctx: Any, args: list[str]) -> Iterator[str]:
        takes_value = self._takes_value(ctx)
        given, paths = list(args), list[str]()
        while given:
            argument = given.pop(0)
            name = argument.split("=")[0]
            if argument == "--":
                paths, given = paths + given, []
            elif takes_value.get(argument):
                if not given or given[0] in takes_value:
                    ctx.fail(f"{argument} needs a value.")
                yield f"{argument}={given.pop(0)}"
            elif name in takes_value:
                yield argument
            else:
                paths.append(_path(argument, ctx=ctx))
        yield from ("--", *paths)

    def _takes_value(self, ctx: Any) -> dict[str, bool]:
        """Of every option by its name."""
        return {
            name: not getattr(param, "is_flag", False)
            for param in self.get_params(ctx)
            if param.param_type_name == "option"
            for name in (*param.opts, *param.secondary_opts)
        }


def _path(argument: str, *, ctx: Any) -> str:
    """Refuses what may be an option that was mistyped."""
    if argument.startswith("-") and not Path(argument).exists():
        ctx.fail(
            f"there is no option {printable(argument)}, and no file of that name; a new file "
            f"would be ./{printable(argument)}."
        )
    return argument
