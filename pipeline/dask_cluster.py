"""The Dask cluster that a flow is sent to."""

import socket

from spm.errors import ConfigError

_CONNECT_SECONDS = 10


def own_address(scheduler: str) -> str:
    """The address of this machine in the network of the cluster, where its workers reach it.

    Says how many workers there are. Raises ConfigError where no scheduler answers.
    """
    from distributed import Client
    from distributed.comm import get_address_host_port

    try:
        place = get_address_host_port(scheduler)
        with socket.create_connection(place, timeout=_CONNECT_SECONDS) as connection:
            address = str(connection.getsockname()[0])
        with Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False) as client:
            threads = sum(client.nthreads().values())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"runtime.dask_scheduler = {scheduler!r}: no scheduler answers there "
            f"({str(error).splitlines()[0]}). Start one with `dask scheduler`, and workers with "
            "`dask worker ADDRESS`, or set runtime.runner: local"
        ) from None
    waiting = "" if threads else ": waiting for workers (`dask worker ADDRESS`)"
    print(f"Dask at {scheduler}: {threads} shards at a time{waiting}", flush=True)
    return address
