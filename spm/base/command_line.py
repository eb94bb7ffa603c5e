"""Command lines: each command is a typer function, run by `clip-spm NAME` and by `python -m …`.

    predict --model data/model --support -x/ -kYz.mp4 b.mp4       the shell's expansion of *.mp4

Names of clips may begin with a dash. So a `PathCommand` takes an argument for an option only if it
is the full name of one of the command's options. The argument after an option that takes a value is
this value; every other argument is a path. A path that has the name of an option must follow a --,
or be written ./--model.
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
    """An app without commands: plain text, Python's own tracebacks, no options added by typer."""
    return typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **settings
    )


def run_app(app: typer.Typer, *, prog: str) -> int:
    """Runs the command that `sys.argv` names; returns its exit status, 2 for a mistyped command.

    `prog` is the program's name in the usage line. Errors that the command raises pass through.
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
    """A command whose paths may begin with a dash: only its own options count as options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Passes typer the options first, then a -- and the paths."""
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
        """Name of each option -> whether the option takes a value."""
        return {
            name: not getattr(param, "is_flag", False)
            for param in self.get_params(ctx)
            if param.param_type_name == "option"
            for name in (*param.opts, *param.secondary_opts)
        }


def _path(argument: str, *, ctx: Any) -> str:
    """Returns `argument`; fails if it looks like a mistyped option."""
    if argument.startswith("-") and not Path(argument).exists():
        ctx.fail(
            f"there is no option {printable(argument)}, and no file of that name; a new file "
            f"would be ./{printable(argument)}."
        )
    return argument
