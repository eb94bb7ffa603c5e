"""`make ui`, `clip-spm ui`, or `python -m stages.commands.ui`: starts MLflow's web pages."""

import os
import sys
from typing import Annotated

from typer import Option

from spm.base.command_line import new_app, run_app
from stages.shared import command

_EXPERIMENTS = "#/experiments?workflowType=machine_learning"
"""The page to open: MLflow's start page is for language models, and shows no runs."""
app = new_app()


@app.command()
def ui(port: Annotated[int, Option(help="of this machine's loopback")] = 5000) -> None:
    """Shows the runs: replaces this process by `mlflow ui` on the store of the stages."""
    from stages.shared import params
    from stages.tracking import store as tracking_store

    uri = tracking_store.tracking_uri(params.load_runtime())
    if uri.startswith(("http://", "https://")):
        print(f"The runs are on a server: {uri}")
        return
    tracking_store.prepare_environment()
    print(f"MLflow shows {uri} (Ctrl+C ends it). Open this:", flush=True)
    print(f"\n    http://127.0.0.1:{port}/{_EXPERIMENTS}\n", flush=True)
    options = ["--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    options += ["--default-artifact-root", tracking_store.artifact_folder().as_uri()]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *options])


def main() -> int:
    return run_app(app, prog="python -m stages.commands.ui")


if __name__ == "__main__":
    command.run(main)
