"""`python -m lab.control.repository ADDRESS DIRECTORY`: serve files on port 80 of an address.

Python's own `http.server` command asks the resolver for the address's name when it starts, and
in a network without a resolver that takes ten seconds.
"""

from __future__ import annotations

import socketserver
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256  # all machines of a lab install at once


class _Handler(SimpleHTTPRequestHandler):
    """Files over connections that stay: apt fetches dozens, one after the other."""

    protocol_version = "HTTP/1.1"


def main(address: str, directory: str) -> None:
    """Serve until a signal ends it."""
    with _Server((address, 80), partial(_Handler, directory=directory)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
