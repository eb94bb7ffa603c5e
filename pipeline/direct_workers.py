"""Dask workers ask the stage's Prefect server directly, whatever proxies their machine has."""

import os
from typing import Any
from urllib.request import getproxies

from distributed import WorkerPlugin


class AskDirectly(WorkerPlugin):
    """Exempts `host` from proxies, in every worker that is there or comes later.

    Everything is exempt where one is a SOCKS proxy: HTTPX, with which Prefect asks, wants a package
    for it even when it asks a host that is exempt.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self.name = f"clip-spm asks {host} directly"

    def setup(self, worker: Any) -> None:
        proxies = getproxies()
        socks = any(address.startswith("socks") for address in proxies.values())
        exempt = ["*"] if socks else [*filter(None, [proxies.get("no")]), self.host]
        os.environ["no_proxy"] = ",".join(exempt)
