"""Opens and ends the MLflow run of a grid, the parent of its points, for pipeline.grids.experiment.

    python -m stages.commands.grid_run components --title "Component analysis"
    python -m stages.commands.grid_run components --table data/experiments/components

The first command opens the run and prints its id; the second adds the files of the table, and ends
the run. A grid that runs again keeps its run. With `runtime.tracking: false` both do nothing.
"""

import os
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from spm.base.command_line import new_app, run_app
from stages.shared import command, params
from stages.tracking import runs as tracking
from stages.tracking.killed_runs import process_tag
from stages.tracking.store import asking, tracking_uri

app = new_app()


@app.command()
def grid_run(
    grid: Annotated[str, Argument(metavar="GRID")],
    title: Annotated[str, Option()] = "",
    table: Annotated[Path | None, Option(parser=Path, help="folder with the grid's table")] = None,
) -> None:
    """Opens the MLflow run of a grid; with --table, adds the table and ends the run."""
    runtime = params.load_runtime()
    if not runtime.tracking:
        return
    client, run_id = tracking.grid_run(grid, runtime=runtime)
    with asking(tracking_uri(runtime)):
        if table is None:
            _open(client, run_id, title=title)
        else:
            _finish(client, run_id, folder=table)


def main() -> int:
    return run_app(app, prog="python -m stages.commands.grid_run")


def _open(client: Any, run_id: str, *, title: str) -> None:
    client.update_run(run_id, status="RUNNING")
    for tag, value in process_tag(os.getppid()).items():
        client.set_tag(run_id, tag, value)
    client.set_tag(run_id, "mlflow.note.content", title)
    print(run_id)


def _finish(client: Any, run_id: str, *, folder: Path) -> None:
    client.log_artifacts(run_id, str(folder))
    client.set_tag(run_id, "mlflow.note.content", (folder / "table.md").read_text(encoding="utf-8"))
    client.set_terminated(run_id, "FINISHED")


if __name__ == "__main__":
    command.run(main)
