"""`sracl serve`: answers of a run or an export over HTTP."""

from __future__ import annotations

import errno
import os
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Annotated

import typer

from sracl_core.cli import asking, output
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.errors import InputError, in_flags

TOKEN = "SRACL_TOKEN"
LOCAL = ("localhost", "::1")


def serve(
    what: Annotated[str, typer.Argument(metavar="RUN|EXPORT", help="A run, or a folder of `sracl export`.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Questions that may wait; more get 429.")] = 64,
    dataset: asking.MovedOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
    quiet: output.QuietOption = False,
) -> None:
    """Answer questions about a run or an export over HTTP.

    Listens on this machine alone unless --host says otherwise, which needs a token: what the variable
    SRACL_TOKEN says, clients send as "Authorization: Bearer". /docs describes the questions. A newer
    model at the same path, or where a link is moved to, is taken up without a pause.
    """
    token = os.environ.get(TOKEN) or None
    if token is None and host not in LOCAL and not host.startswith("127."):
        raise InputError(f"--host {host} is open to others; set {TOKEN} to a secret that clients must send")
    source = asking.source_of(what, runs_dir, dataset, asking.beginnings(quiet))
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise InputError(f"serve needs {error.name}: pip install 'sracl-tui[serve]'") from error
    from sracl_core.service.http import service

    own = () if token else {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host}
    app = service(source, token=token, queue=queue, hosts=own)
    config = uvicorn.Config(app, host, port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    try:
        socket = config.bind_socket()
    except SystemExit as stop:
        raise InputError(f"cannot listen on {host} port {port}: {_why(stop.__context__)}") from stop
    # Those that it accepts inherit it: an answer's body must not wait 40 ms for its head to be acknowledged.
    socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    socket.listen(queue)  # so that whoever reads the next line may ask at once
    output.say(f"listening on http://{host}:{socket.getsockname()[1]} (questions: /docs)", quiet)
    with in_flags(False):  # who asks has names of JSON, no options
        server.run(sockets=[socket])


def _why(error: BaseException | None) -> str:
    """What keeps a port from being listened on, and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return "it is taken; give another --port, or --port 0 for a free one"
    if number == errno.EACCES:
        return "that port is not for everybody; give a --port from 1024 on"
    said = getattr(error, "strerror", None) or "there is no such address"
    return f"{said}; give an address of this machine with --host"
