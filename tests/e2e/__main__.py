"""`make e2e-hetzner`, `make e2e-aws`: a mesh on a real account, from nothing to nothing.

Says what it costs and how long it takes, and begins at a yes: an answer, or CONFIRM=yes in the
environment. Exit code 0: all held; 1: something did not, and all is swept; 2: nothing was begun;
3: something is left over; 128 and a signal's number: ended by it, and swept.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from lab.setup import __main__ as setup
from lab.setup import toolchain
from tests.e2e import refusals, workspace
from tests.e2e.attention import Interrupt, interruptible
from tests.e2e.clouds import CLOUDS
from tests.e2e.flow import LEFT, REFUSED, SIGNAL, WELL, Flow
from tests.e2e.offer import STACK, Cloud, fresh, told
from tests.e2e.report import Report
from tests.e2e.sweep import sweep


def say(line: str) -> None:
    """Print a line, if anybody still reads: a terminal that is gone must not keep the sweep."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> int:
    """Read the command line, ask, and run or sweep."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    parser.add_argument("cloud", choices=sorted(CLOUDS))
    parser.add_argument("--sweep", metavar="RUN", help="only delete what an earlier run left")
    options = parser.parse_args()
    cloud = CLOUDS[options.cloud]
    return alone(cloud, options.sweep) if options.sweep else begin(cloud)


def _refused(reasons: list[str]) -> int:
    for reason in reasons:
        say(f"refused: {reason}")
    return REFUSED


def begin(cloud: Cloud) -> int:
    """Everything that a run needs, in the order in which it costs more and more."""
    stack = fresh()
    offer = told(cloud, stack)
    say(offer)
    reasons = refusals.here(cloud, os.environ) + refusals.access(cloud, os.environ)
    if reasons:
        return _refused(reasons)
    if not refusals.agreed(os.environ, input if sys.stdin.isatty() else None):
        return _refused([f"nobody said yes: answer it, or set {refusals.YES}=yes"])
    os.environ["BACKPLANE_PLUGINS"] = "official"
    ready = setup.prepare(Console(soft_wrap=True), lab=False)
    if reasons := refusals.stand_ins():
        return _refused(reasons)
    if not ready:
        return _refused(["the official engine and plugins are not to be had, see above"])
    return _run(cloud, stack, offer)


def _run(cloud: Cloud, stack: str, offer: str) -> int:
    folder = Path(tempfile.mkdtemp(prefix=f"backplane-{stack}-"))
    report = Report(
        cloud=cloud.title,
        stack=stack,
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        toolchain=toolchain.announce(),
        offer=offer,
    )
    try:
        with interruptible(say) as attention:
            flow = Flow(
                cloud=cloud,
                account=cloud.account(),
                stack=stack,
                commands=workspace.make(folder, cloud, stack, toolchain.environment(), attention),
                report=report,
                say=say,
                deaf=attention.deafen,
            )
            return flow.go()
    except Interrupt as interrupt:
        # Between two steps: with one begun, only a sweep that found nothing shows that all is gone.
        swept = not report.steps or report.left == []
        report.code = SIGNAL + interrupt.number if swept else LEFT
        return report.code
    finally:
        shutil.rmtree(folder / "work", ignore_errors=True)
        report.write(folder)
        say(f"{report.markdown()}\nreport and log: {folder}")


def alone(cloud: Cloud, stack: str) -> int:
    """The sweep of an earlier run: deletes what is paid for, so nobody is asked."""
    reasons = refusals.access(cloud, os.environ)
    if not STACK.fullmatch(stack):
        reasons.append(f"{stack!r} is no run's name (e2e-, then eight of 0-9 and a-f)")
    if reasons:
        return _refused(reasons)
    left = sweep(cloud.account(), stack, say)
    for thing in left:
        say(f"still there: {thing}")
    return LEFT if left else WELL


if __name__ == "__main__":
    sys.exit(main())
