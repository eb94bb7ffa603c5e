"""MLflow's pages on this machine: `python -m stages.commands.ui [--port 5000]`."""

import argparse
import os
import sys

from stages.shared import command, params
from stages.tracking import store as tracking_store

_EXPERIMENTS = "#/experiments?workflowType=machine_learning"
"""MLflow's own first page is for language models, and shows no runs."""


def main() -> None:
    """Becomes `mlflow ui` on the store that the stages write to."""
    port = _arguments().port
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
