"""An ASGI application: it tells on which loop it runs, and returns what it is sent."""

from __future__ import annotations

import asyncio
from typing import Any


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer ``/loop`` with the class of the running loop, anything else with the request's body; refuse
    ``/only-on?CLASS`` on any other."""
    assert scope["type"] == "http"
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    kind = type(asyncio.get_running_loop())
    name = f"{kind.__module__}.{kind.__qualname__}".encode()
    if scope["path"] == "/loop":
        body += name
    status = 409 if scope["path"] == "/only-on" and scope["query_string"] != name else 200
    headers = [(b"x-scheme", scope["scheme"].encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(body)})
