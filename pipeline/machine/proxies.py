"""Which hosts are reached without a proxy, whatever proxies the environment names."""

import os
from urllib.parse import urlsplit

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def on_this_machine(url: str) -> bool:
    """Whether the host of `url` is in `THIS_MACHINE`; False for an invalid URL."""
    try:
        return urlsplit(url).hostname in THIS_MACHINE
    except ValueError:
        return False


def exempting(*hosts: str) -> str:
    """The value of `no_proxy` that exempts `hosts` besides the hosts that it exempts already.

    `*` exempts all hosts, but urllib and Requests heed it only where it stands alone.
    """
    given = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")).split(",")
    exempt = [*filter(None, (host.strip() for host in given)), *hosts]
    return "*" if "*" in exempt else ",".join(dict.fromkeys(exempt))
