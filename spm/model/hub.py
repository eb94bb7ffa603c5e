"""Fetches published weights; without a network, says which file to bring and where to put it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from spm.base.errors import ConfigError

_SECONDS = 10


class Published(NamedTuple):
    """Where weights are published: the first of the files `names` that `address` has."""

    address: str
    names: tuple[str, ...]


def on_hub(repository: str, *names: str) -> Published:
    """The files `names` of a repository of the hub, as timm/resnet50.tv_in1k."""
    from huggingface_hub import constants

    return Published(f"{constants.ENDPOINT}/{repository}", names)


def fetch(
    download: Callable[[], Path], *, name: str, weights: str, published: Published, stem: str
) -> Path:
    """The file that `download` returns.

    name, weights: of the tower, as `backbone` has them. stem: a name without ending for a file that
    the user brings. Raises ConfigError if the download fails; it says which file to bring.
    """
    try:
        with _no_retries_without_network():
            return download()
    except Exception as error:  # the hub's client raises many kinds without a network
        place = f"models/{stem}{Path(published.names[0]).suffix}"
        raise ConfigError(
            f"the weights {weights!r} of {name} cannot be fetched here ({type(error).__name__}): "
            f"fetch {' or '.join(published.names)} from {published.address} elsewhere, put it for "
            f"example at {place}, and give that path in place of {weights!r} "
            "(backbone.weights, or --tower NAME:PATH)"
        ) from error


@contextmanager
def _no_retries_without_network() -> Iterator[None]:
    """Without a network, the hub's client looks into its cache alone in the block.

    Otherwise the client asks twelve times, which takes 50 s and prints 24 lines. HF_HUB_OFFLINE in
    the environment does the same, but is read when the client is imported.
    """
    from huggingface_hub import constants

    was_offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = was_offline or not _reaches(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline


def _reaches(address: str) -> bool:
    """Whether a connection to the address opens; True behind a proxy, which connects for us."""
    parts = urlsplit(address)
    if {parts.scheme, "all"} & getproxies().keys():
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_SECONDS).close()
    except OSError:
        return False
    return True
