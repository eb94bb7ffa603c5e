"""`clip-spm`: the commands of the library, and of pipeline and stages if they are installed.

A package adds a command by an entry point of the group `clip_spm.commands`: NAME = "module:app",
where app is a typer app of one command (spm.base.command_line). So spm imports neither pipeline nor
stages. A command's module imports torch and the like inside its function, so that `--help` is fast.
"""

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import typer

from spm.base import command
from spm.base.command_line import new_app, run_app
from spm.base.errors import InputError

GROUP = "clip_spm.commands"
_OURS = (
    *("spm.predict", "spm.classify", "spm.enroll", "spm.recognize", "spm.classes", "spm.find"),
    *("spm.explain", "spm.serve_page", "spm.convert", "spm.results.accuracy_table"),
)
_CLONE = Path(__file__).resolve().parent.parent
"""The folder that holds spm. In a clone it also holds pipeline and stages, which no wheel has."""


def main() -> None:
    """Runs the command of sys.argv. Exits with the command's status if it is not 0."""
    command.run(_run)


def _run() -> int:
    if (_CLONE / "dvc.yaml").is_file() and str(_CLONE) not in sys.path:
        sys.path.insert(0, str(_CLONE))
    app = new_app(help="CLIP-SPM: few-shot action recognition. COMMAND --help says more.")
    for module in _OURS:
        app.add_typer(importlib.import_module(module).app)
    asked = next(iter(sys.argv[1:]), "")
    points = {point.name: point for point in entry_points(group=GROUP)}
    for name in sorted(points):
        if (joining := _load(points[name], asked=name == asked)) is not None:
            app.add_typer(joining)
    try:
        return run_app(app, prog="clip-spm")
    except ModuleNotFoundError as error:
        raise (_lacking(asked, error) if asked in points else error) from None


def _load(point: EntryPoint, *, asked: bool) -> typer.Typer | None:
    """The command's app; None if its module is not installed. If the user `asked` for the command,
    raises InputError instead of returning None."""
    try:
        app: typer.Typer = point.load()
    except ModuleNotFoundError as error:
        if asked:
            raise _lacking(point.name, error) from None
        return None
    return app


def _lacking(name: str, error: ModuleNotFoundError) -> InputError:
    return InputError(
        f"{name} needs the package {error.name}, which is not installed: run it in a clone of the "
        "project, after `pip install -e .[pipeline]`"
    )


if __name__ == "__main__":
    main()
