"""Refuses what pages of other sites, or other names of this machine, ask of the server.

The server listens on 127.0.0.1 alone, but a browser of this machine shows other sites too: theirs
could upload files here, or read the page under a name of their own that leads to 127.0.0.1.
"""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

_NAMES = ("127.0.0.1", "localhost")


class OnlyHere:
    """ASGI middleware: 403 unless host, and origin if there is one, name this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_from_here(dict(scope["headers"])):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"only for the page itself"})
        else:
            await self._app(scope, receive, send)


def _is_from_here(headers: dict[bytes, bytes]) -> bool:
    host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
    try:
        asked = urlsplit(f"//{host}").hostname
        return asked in _NAMES and (not origin or urlsplit(origin).hostname in _NAMES)
    except ValueError:  # brackets without an IPv6 address between them: no name at all
        return False
