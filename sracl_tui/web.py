"""The dashboard as a page of this machine, through textual-serve.

Whoever reaches the page may start programs here, and every page and every user of this machine can
reach the port. So the address carries a token, and the browser may only say our own address.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web
from textual_serve.server import Server

HOST = "localhost"
SESSIONS = 8
"""Open dashboards at most; each is a process of about 80 MB."""
HEADERS = {
    # The page asks nobody but us: the fonts that textual-serve takes from another host are left out.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:; connect-src 'self' ws:",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
FOCUS = """<script>
  const waiting = setInterval(() => {
    const keys = document.querySelector(".xterm-helper-textarea");
    if (keys) { keys.focus(); clearInterval(waiting); }
  }, 50);
</script>
</body>"""
"""Without it no key does anything before the first click."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalServer(Server):
    """Answers whoever knows its token, which is what `address` says and a cookie then keeps."""

    def __init__(self, command: str, port: int, sessions: int = SESSIONS) -> None:
        self.own = HOST if port == 80 else f"{HOST}:{port}"
        super().__init__(command, host=HOST, port=port, title="SRA-CL", public_url=f"http://{self.own}")
        self.token = secrets.token_urlsafe(24)
        # Browsers keep cookies by host and not by port: two dashboards must not take each other's.
        self.cookie = f"sracl-{port}"
        self._free = sessions

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"{self.public_url}/?token={self.token}"

    def initialize_logging(self) -> None:
        """Only what goes wrong is told, on stderr."""
        logging.basicConfig(level=logging.WARNING, format="%(message)s")

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(_set_headers)
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
        print(f"{self.address}  (Ctrl-C ends)", file=sys.stderr, flush=True)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # Another site's page may reach localhost too: by a name that points here, or by a WebSocket.
        said = request.headers.get("Host", ""), request.headers.get("Origin", self.public_url)
        if said != (self.own, self.public_url):
            raise web.HTTPForbidden(text=f"this dashboard answers pages of {self.public_url} only")
        given = request.query.get("token")
        if not (self._is_ours(given) or self._is_ours(request.cookies.get(self.cookie))):
            raise web.HTTPForbidden(text="open the address that `sracl-tui --web` printed, with its token")
        if request.path in ("/", "/ws") and not self._free:
            raise web.HTTPServiceUnavailable(text="too many dashboards are open; close one and try again")
        if request.path == "/ws":
            return await self._session(request, handler)
        answer = await handler(request)
        if request.path == "/" and isinstance(answer, web.Response) and answer.text:
            answer.text = answer.text.replace("</body>", FOCUS)
        if given is not None:
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="Strict")
        return answer

    async def _session(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._free -= 1
        try:
            return await handler(request)
        finally:
            self._free += 1

    def _is_ours(self, token: str | None) -> bool:
        return hmac.compare_digest((token or "").encode("utf-8", "replace"), self.token.encode())


async def _set_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def serve(command: str, port: int) -> int:
    """Serve `command` on localhost until Ctrl-C; each visitor gets a dashboard of their own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            print(f"error: port {port} cannot be used: {error.strerror}; choose --port", file=sys.stderr)
            return 1
    LocalServer(command, port).serve()
    return 0
