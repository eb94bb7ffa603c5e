"""Dask workers reach some hosts directly, whatever proxies their machine has."""

import os
from typing import Any
from urllib.request import getproxies

from distributed import WorkerPlugin

from pipeline.machine.proxies import exempting


class AskDirectly(WorkerPlugin):
    """Exempts `hosts`, if any, from proxies, in every worker that is there or comes later.

    If one of the proxies is a SOCKS proxy, all hosts are exempt: HTTPX, which Prefect uses, needs a
    package for such a proxy even to reach a host that is exempt.
    """

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.name = f"clip-spm asks {', '.join(hosts) or 'nobody'} directly"

    def setup(self, worker: Any) -> None:
        if self.hosts:
            socks = any(address.startswith("socks") for address in getproxies().values())
            os.environ["no_proxy"] = "*" if socks else exempting(*self.hosts)
