"""`clip-spm experiments`, or `python -m pipeline.experiments`: runs a grid, and tabulates it."""

from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app
from spm.base.errors import InputError

app = new_app()


def _at_least_one(jobs: int | None) -> int | None:
    if jobs is not None and jobs < 1:
        raise BadParameter(f"{jobs}: give 1 or more, or --table to run nothing")
    return jobs


@app.command(cls=PathCommand)
def experiments(
    grid: Annotated[
        str, Argument(metavar="GRID", help="name of a file in pipeline/grids, or path to a .yaml")
    ],
    jobs: Annotated[
        int | None,
        Option(callback=_at_least_one, help="points at the same time (default: runtime.workers)"),
    ] = None,
    table: Annotated[bool, Option("--table", help="run nothing, tabulate what is there")] = False,
) -> int:
    """Runs a grid of experiments, and tabulates it.

    A grid is a file in pipeline/grids, or any other YAML file (pipeline.grids.grid explains the
    format). Points that this or another grid has measured are not run again: after a failure, a
    kill or an edit, the same command runs only the missing points.

    The table is in data/experiments/<name>: table.md, table.parquet, table.png. The name is the
    grid's; for a file elsewhere a hash of its path is added.
    """
    from pipeline.grids.experiment import run_grid

    root = Path.cwd()
    if not (root / "params.yaml").is_file():
        raise InputError(f"{root} has no params.yaml: run this in the project's folder")
    outcomes = run_grid(grid, root=root, jobs=0 if table else jobs)
    return int(any(outcome.failure for outcome in outcomes))


def main() -> int:
    """Exit status: 0, or 1 if a point failed."""
    return run_app(app, prog="python -m pipeline.experiments")


if __name__ == "__main__":
    command.run(main)
