"""Only the page itself may ask its server."""

import asyncio
from typing import Any

import pytest

from spm.page.only_here import OnlyHere

OURS = [
    {"host": "127.0.0.1:7860"},
    {"host": "localhost:7860", "origin": "http://localhost:7860"},
    {"host": "127.0.0.1", "origin": "http://127.0.0.1:7860"},
]
FOREIGN = [
    {},
    {"host": "evil.example:7860"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "127.0.0.1:7860", "origin": "http://evil.example"},
    {"host": "127.0.0.1:7860", "origin": "null"},
    {"host": "[::1"},
    {"host": "127.0.0.1:7860", "origin": "http://[x"},
    {"host": "127.0.0.1:7860", "origin": "http://localhost.evil.example"},
]


def answered(headers: dict[str, str]) -> int:
    """The status of a request with these headers to a server that says 200 to all."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(OnlyHere(app)({"type": "http", "headers": given}, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("headers", OURS)
def test_the_page_is_answered(headers: dict[str, str]) -> None:
    assert answered(headers) == 200


@pytest.mark.parametrize("headers", FOREIGN)
def test_other_sites_and_other_names_are_refused(headers: dict[str, str]) -> None:
    assert answered(headers) == 403
