"""The dashboard as a page of this machine, through textual-serve."""

from __future__ import annotations

import socket
import sys

from textual_serve.server import Server

HOST = "localhost"


def serve(command: str, port: int) -> int:
    """Serve `command` on localhost until Ctrl-C; each visitor gets a dashboard of their own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            print(f"error: port {port} cannot be used: {error.strerror}; choose --port", file=sys.stderr)
            return 1
    print(f"http://{HOST}:{port}  (Ctrl-C ends)", file=sys.stderr)
    Server(command, host=HOST, port=port, title="SRA-CL").serve()
    return 0
