"""Knock on every address the lab can give out, and record every IP packet that comes back.

Run it as the stranger: `ip netns exec bp-internet python -m lab.prober --report FILE`. It ends
at SIGTERM or SIGINT. Exit code 0: nothing came back; 1: something did, or the capture lost
packets.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from lab.prober.pool import POOL
from lab.prober.stranger import run


def main() -> int:
    """Read the command line and knock until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m lab.prober", description=__doc__)
    parser.add_argument("--report", type=Path, required=True, help="where the JSON report goes")
    parser.add_argument("--seconds", type=float, help="end by itself after so many seconds")
    parser.add_argument("--address", action="append", help="instead of every address of the lab")
    options = parser.parse_args()
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stop.append(number))
    addresses = tuple(options.address or POOL)
    report = run(addresses, options.report, lambda: bool(stop), options.seconds)
    print(f"sent {sum(report.sent.values())}, received {report.received_total}")
    return int(bool(report.received_total or report.capture_drops))


if __name__ == "__main__":
    raise SystemExit(main())
