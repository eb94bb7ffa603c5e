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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pipeline.machine.child_python import environment
from pipeline.machine.proxies import on_this_machine
from spm.base.errors import ConfigError, InputError
from spm.base.lock import locked
from spm.base.unwritable import check_room, make_writable

_URL = "PREFECT_API_URL"
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
_KEPT_OF_THE_USERS = "PREFECT_LOGGING_"
_START_SECONDS = 180  # 8 s on a quiet machine
_ANSWER_SECONDS = 10

_own_urls: set[str] = set()
"""Of the server that this process has started."""


def ensure_server(home: Path, *, host: str = "127.0.0.1") -> None:
    """Sets Prefect up for the flows of this process; called before Prefect is imported.

    A server named by the environment variable `PREFECT_API_URL` is used, with the user's profile
    and whatever else the user has set. Raises ConfigError where none answers there. Otherwise one
    is started: 8 s. It keeps its database in the folder `home`, and is reached at `host`, an
    address of this machine. Of the user's settings for Prefect (keys, profiles, databases) it heeds
    those of logging alone.
    """
    url = os.environ.get(_URL)
    if url and url in _own_urls:
        return
    if url:
        _set(_SETTINGS)
        _check(url)
        return
    make_writable(home)
    _forget_settings()
    _set({**_SETTINGS, "PREFECT_HOME": str(home.absolute())})
    with locked(home, message=None):  # two that make or migrate one database at once may both fail
        _start_own(home, host=host)


def is_near() -> bool:
    """Whether the server is, or will be, our own, or is one of the user's on this machine.

    Proxies that the environment names know no way back to this machine. A server of the user's
    elsewhere may well be behind one.
    """
    url = os.environ.get(_URL)
    return not url or url in _own_urls or on_this_machine(url)


@contextmanager
def asked_directly() -> Iterator[None]:
    """In the block, whatever is asked by HTTP is asked without a proxy, if the server `is_near`."""
    before = os.environ.get("no_proxy")
    if is_near():
        os.environ["no_proxy"] = "*"
    try:
        yield
    finally:
        _restore("no_proxy", before)


def _set(settings: Mapping[str, str]) -> None:
    """Leaves what the user has set."""
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _forget_settings() -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        if not name.startswith(_KEPT_OF_THE_USERS):
            del os.environ[name]


def _check(url: str) -> None:
    """Asks the user's server as a flow will, with the user's key, and for something that needs it.

    Raises ConfigError.
    """
    try:
        from prefect.client.orchestration import get_client

        patience = {"timeout": _ANSWER_SECONDS}
        with asked_directly(), get_client(sync_client=True, httpx_settings=patience) as client:
            client.raise_for_api_version_mismatch()
            client.request("POST", "/flows/count", json={})
    except Exception as error:  # whatever a web page, a dead host or a wrong key leads to
        reason = str(error.__cause__ or error).splitlines() or [type(error).__name__]
        raise ConfigError(
            f"{_URL} = {url!r}: no Prefect server can be used there ({reason[0]}). Start it, or "
            f"name another, or unset {_URL}: then the pipeline starts one of its own"
        ) from None


def _start_own(home: Path, *, host: str) -> None:
    address, log = (host, _free_port(host)), os.memfd_create("log of Prefect's server")
    server = _start(address, log=log)
    os.environ[_URL] = f"http://{host}:{address[1]}/api"
    _own_urls.add(os.environ[_URL])
    import prefect  # noqa: F401  meanwhile: it takes seconds as well

    _wait(server, address=address, log=log, home=home)


def _start(address: tuple[str, int], *, log: int) -> "subprocess.Popen[bytes]":
    """`log` is memory: the disk may be full."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__, *map(str, address)],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env=environment() | {"no_proxy": "*"},
    )


def _wait(
    server: "subprocess.Popen[bytes]", *, address: tuple[str, int], log: int, home: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(*address):
        if server.poll() is not None:
            raise _not_up("it ended at its start", log=log, home=home)
        if time.monotonic() > deadline:
            raise _not_up(f"no answer after {_START_SECONDS} s", log=log, home=home)
        time.sleep(0.1)


def _not_up(what: str, *, log: int, home: Path) -> InputError:
    """The error to raise, with the server's last words; a full disk's is raised here."""
    words = os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")
    check_room(home, words=words)
    last = "\n".join(words.strip().splitlines()[-5:]) or "it said nothing"
    return InputError(
        f"Prefect's server, which decoding and grids need, is not up: {what}. Its last words:\n"
        f"{last}\nPREFECT_API_URL names one that runs already (`prefect server start`)"
    )


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
    while os.read(0, 1):  # sys.stdin has a lock, over which a server that fails would crash
        pass
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
