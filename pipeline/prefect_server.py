"""The Prefect server that a flow talks to: the user's, or one that lives as long as this process.

Prefect can start a temporary server by itself, but leaves it running, with the output of the stage
held open, when the stage is killed. This one reads its standard input, which ends with the stage.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pipeline.child_python import environment

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
_START_SECONDS = 180  # 8 s on a quiet machine


def ensure_server(home: Path, *, host: str = "127.0.0.1") -> None:
    """Sets Prefect up for the flows of this process; called before Prefect is imported.

    A server named by `PREFECT_API_URL` is used, as is whatever else the user has set. Otherwise one
    is started: 8 s. It keeps its database and its log in the folder `home`, and is reached at
    `host`, an address of this machine.
    """
    home.mkdir(parents=True, exist_ok=True)
    for name, value in {**_SETTINGS, "PREFECT_HOME": str(home)}.items():
        os.environ.setdefault(name, value)
    if "PREFECT_API_URL" in os.environ:
        return
    address, log = (host, _free_port(host)), home / "server.log"
    server = _start(address, log=log)
    os.environ["PREFECT_API_URL"] = f"http://{host}:{address[1]}/api"
    import prefect  # noqa: F401  meanwhile: it takes seconds as well

    _wait(server, address=address, log=log)


def _start(address: tuple[str, int], *, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", __name__, *map(str, address)]
    with open(log, "ab") as output:  # another flow's server may be writing there
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment(),
        )


def _wait(server: "subprocess.Popen[bytes]", *, address: tuple[str, int], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(*address):
        if server.poll() is not None:
            raise RuntimeError(f"Prefect's server ended at its start: see {log}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"Prefect's server is not up after {_START_SECONDS} s: see {log}")
        time.sleep(0.1)


def _answers(host: str, port: int) -> bool:
    """Asks directly: what the environment says about proxies is not for this machine itself."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _serve(host: str, port: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(ephemeral=True), host=host, port=port, log_level="error")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
