"""The Dask cluster that decodes shards."""

import socket
from typing import Any

from pipeline.machine.prefect_server import is_near
from pipeline.machine.proxies import THIS_MACHINE
from spm.base.errors import ConfigError

_CONNECT_SECONDS = 10


def own_address(scheduler: str) -> str:
    """The address of this machine at which the cluster's workers reach it.

    Prints how many shards the workers can decode at a time, and has the workers ask Prefect's
    server at this address without a proxy. Raises ConfigError if no scheduler answers, or if a
    worker cannot import this project.
    """
    from distributed import Client
    from distributed.comm.addressing import get_address_host_port

    try:
        place = get_address_host_port(scheduler)
        with socket.create_connection(place, timeout=_CONNECT_SECONDS) as connection:
            address = str(connection.getsockname()[0])
        connect: Any = Client  # distributed has no types here
        with connect(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False) as client:
            threads = sum(client.nthreads().values())
            _prepare_workers(client, address)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"runtime.dask_scheduler = {scheduler!r}: no scheduler answers there "
            f"({str(error).splitlines()[0]}). Start one with `dask scheduler`, and workers with "
            "`dask worker ADDRESS`, or set runtime.runner: local"
        ) from None
    waiting = "" if threads else ": waiting for workers (`dask worker ADDRESS`)"
    print(f"Dask at {scheduler}: {threads} shards at a time{waiting}", flush=True)
    return address


def _prepare_workers(client: Any, address: str) -> None:
    from pipeline.machine.direct_workers import AskDirectly

    try:
        client.register_plugin(AskDirectly(*[address, *THIS_MACHINE] if is_near() else []))
    except Exception as error:  # a worker's error may have any class
        raise ConfigError(
            f"a Dask worker cannot run this project's code ({error}): start the workers in the "
            "same checkout and environment as the stage, with PYTHONPATH=. there"
        ) from None
