"""The dashboard as a page of this machine, through textual-serve."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

HOST = "localhost"
OWN_NAMES = ("localhost", "127.0.0.1", "::1")
POLICY = "default-src 'self' 'unsafe-inline' data: blob:; connect-src 'self' ws:"
"""The page asks nobody but us: the fonts that textual-serve takes from another host are left out."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalServer(Server):
    """Answers this machine's own pages only: whoever reaches the page may start programs here."""

    def initialize_logging(self) -> None:
        """Only what goes wrong is told, on stderr."""
        logging.basicConfig(level=logging.WARNING, format="%(message)s")

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(_own_pages_only)
        app.on_response_prepare.append(_set_policy)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """The address, instead of a banner."""
        self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        # Sockets are opened after the start: whoever reads the address may ask it at once.
        while True:
            try:
                _, connection = await asyncio.open_connection(self.host, self.port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                connection.close()
                break
        print(f"{self.public_url}  (Ctrl-C ends)", file=sys.stderr, flush=True)


@web.middleware
async def _own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    # Another site's page may reach localhost too: by a name that points here, or by a WebSocket.
    for header in ("Host", "Origin"):
        said = request.headers.get(header)
        address = said if said is None or "//" in said else f"//{said}"
        if address is not None and urlsplit(address).hostname not in OWN_NAMES:
            raise web.HTTPForbidden(text=f"this dashboard answers {HOST} only")
    return await handler(request)


async def _set_policy(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = POLICY


def serve(command: str, port: int) -> int:
    """Serve `command` on localhost until Ctrl-C; each visitor gets a dashboard of their own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            print(f"error: port {port} cannot be used: {error.strerror}; choose --port", file=sys.stderr)
            return 1
    LocalServer(command, host=HOST, port=port, title="SRA-CL").serve()
    return 0
