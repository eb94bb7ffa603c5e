"""MLflow's pages on this machine: `python -m stages.ui [--port 5000]`."""

import argparse
import os
import sys

from spm.config.runtime import RuntimeConfig
from stages import command, params, tracking_store


def main() -> None:
    """Becomes `mlflow ui` on the store that the stages write to."""
    port = _arguments().port
    (runtime,) = params.load(runtime=RuntimeConfig)
    uri = tracking_store.tracking_uri(runtime)
    if uri.startswith(("http://", "https://")):
        print(f"The runs are on a server: {uri}")
        return
    tracking_store.prepare_environment()
    print(f"MLflow: http://127.0.0.1:{port} shows {uri} (Ctrl+C ends it)", flush=True)
    options = ["--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    options += ["--default-artifact-root", tracking_store.artifact_folder().as_uri()]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "ui", *options])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
