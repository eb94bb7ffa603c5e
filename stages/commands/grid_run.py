"""The MLflow run that holds the points of a grid: pipeline.experiments starts this as a command.

    python -m stages.commands.grid_run components --title "Component analysis"   # opens it, prints
    its id python -m stages.commands.grid_run components --table data/experiments/components   #
    files, and the end

A grid has one run, however often it is run again. Nothing is printed under `tracking: false`.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from spm.base.path_parser import PathParser
from stages.shared import command, params
from stages.tracking import runs as tracking
from stages.tracking.killed_runs import process_tag
from stages.tracking.store import asking, tracking_uri


def main() -> None:
    options = _options()
    runtime = params.load_runtime()
    if not runtime.tracking:
        return
    client, run_id = tracking.grid_run(options.grid, runtime=runtime)
    with asking(tracking_uri(runtime)):
        if options.table is None:
            _open(client, run_id, title=options.title)
        else:
            _finish(client, run_id, folder=options.table)


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


def _options() -> argparse.Namespace:
    parser = PathParser(description=__doc__)
    parser.add_argument("grid")
    parser.add_argument("--title", default="")
    parser.add_argument("--table", type=Path, help="folder with the grid's table")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
