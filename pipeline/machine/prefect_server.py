"""The Prefect server that a flow talks to: the user's, or one that lives as long as this process.

Prefect itself can start a temporary server. But if the stage is killed, that server goes on running
and holds the stage's output open. Our server ends with its standard input, hence with the stage.
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

from pipeline.machine.proxies import on_this_machine
from spm.base.child_python import environment
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
"""URL of the server that this process has started."""


def ensure_server(home: Path, *, host: str = "127.0.0.1") -> None:
    """Sets Prefect up for the flows of this process; called before Prefect is imported.

    If the environment variable `PREFECT_API_URL` names a server, this server is used, with the
    user's profile and all other settings of the user. Raises ConfigError if no server answers
    there. Otherwise a server is started, which takes 8 s. It keeps its database in the folder
    `home`, and is reached at `host`, an address of this machine. Of the user's settings for Prefect
    (keys, profiles, databases) only those of logging apply to it.
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
    with locked(home, message=None):  # two processes that make one database at once may fail
        _start_own(home, host=host)


def is_near() -> bool:
    """Whether the server runs on this machine: it is, or will be, our own, or it is the user's.

    Proxies that the environment names cannot reach this machine. A user's server on another machine
    may well be behind such a proxy.
    """
    url = os.environ.get(_URL)
    return not url or url in _own_urls or on_this_machine(url)


@contextmanager
def asked_directly() -> Iterator[None]:
    """In the block, HTTP requests bypass all proxies if the server `is_near`."""
    before = os.environ.get("no_proxy")
    if is_near():
        os.environ["no_proxy"] = "*"
    try:
        yield
    finally:
        _restore("no_proxy", before)


def _set(settings: Mapping[str, str]) -> None:
    """Sets the variables of the environment that the user has not set."""
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
    """Sends the user's server a request that needs the user's key, in the way a flow will.

    Raises ConfigError if the request fails.
    """
    try:
        from prefect.client.orchestration import get_client

        patience = {"timeout": _ANSWER_SECONDS}
        with asked_directly(), get_client(sync_client=True, httpx_settings=patience) as client:
            client.raise_for_api_version_mismatch()
            client.request("POST", "/flows/count", json={})
    except Exception as error:  # of any class: a web page, a dead host, a wrong key
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
    import prefect  # noqa: F401  while the server starts: the import takes seconds too

    _wait(server, address=address, log=log, home=home)


def _start(address: tuple[str, int], *, log: int) -> "subprocess.Popen[bytes]":
    """Starts the server's process. `log` is a file in memory, because the disk may be full."""
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
    """The error to raise, with the server's last words. If `home` is full, raises StorageError."""
    words = os.pread(log, os.fstat(log).st_size, 0).decode(errors="replace")
    check_room(home, words=words)
    last = "\n".join(words.strip().splitlines()[-5:]) or "it said nothing"
    return InputError(
        f"Prefect's server, which decoding and grids need, is not up: {what}. Its last words:\n"
        f"{last}\nPREFECT_API_URL names one that runs already (`prefect server start`)"
    )


def _answers(host: str, port: int) -> bool:
    """Whether the server answers, asked without a proxy, since it is on this machine."""
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
    while os.read(0, 1):  # not sys.stdin: a server that fails would crash over its lock
        pass
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
