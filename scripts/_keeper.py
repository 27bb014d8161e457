"""Keeps a stack's tunnel up after `backplane tunnel up` has ended; credentials come on stdin."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from runner.credentials import Credentials
from runner.problem import RunnerError
from runner.wire import Wire

LOOK = 5.0
"""Seconds between two looks at whether the interfaces are still there."""


def main() -> int:
    """Open the tunnel, say `up` on stdout, and hold it until SIGTERM or until it is gone."""
    told = json.load(sys.stdin)
    credentials = Credentials(told["credentials"])
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        tunnel = credentials.tunnel(told["runner"])
    except RunnerError as error:
        print(json.dumps({"error": error.what, "fix": error.fix}), flush=True)
        return 1
    record = Path(told["record"])
    record.write_text(f"{os.getpid()}\n", encoding="ascii")
    print(json.dumps({"up": os.getpid()}), flush=True)
    wire = Wire()
    interfaces = told["interfaces"]
    while not ended.wait(LOOK) and all(wire.exists(interface) for interface in interfaces):
        pass
    tunnel.close()
    record.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
