"""The guard against leaks: nothing meant for a lab ever leaves by a real interface.

While any lab is up, this computer has an unreachable route of the worst metric for every
network a lab uses, so that a packet whose tunnel or veth is gone fails at once instead of
taking the default route. More specific routes, and the labs' own, win over them. The routes
carry a protocol number of their own, by which they are found again and removed.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.layout import INTERNET_V4, INTERNET_V6, RUNTIME, Lab, LabError
from lab.process import run

NETWORKS = (INTERNET_V4, "10.200.0.0/13", "10.254.0.0/16", INTERNET_V6, "fd00::/8")
"""The internet of the labs, the planes' and the links' addresses, and all unique local ones."""

_PROTOCOL = "211"
_WORST = "4294967295"
_MARK = "guarded"
_LOGGING = Path("/proc/sys/net/netfilter/nf_log_all_netns")
_LOGGED = RUNTIME / "nf_log_all_netns"


@contextmanager
def _locked() -> Iterator[None]:
    """Let one lab at a time change what all labs share."""
    RUNTIME.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (RUNTIME / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _family(network: str) -> str:
    return "-6" if ":" in network else "-4"


def _routes(network: str) -> str:
    """Return our unreachable route for a network as `ip` shows it; empty when it is not there."""
    return run(
        "ip", _family(network), "route", "show", "type", "unreachable", "proto", _PROTOCOL,
        "exact", network,
    ).strip()


def hold(lab: Lab) -> None:
    """Put the guard up for a lab; one that already stands is left alone."""
    with _locked():
        lab.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        (lab.run / _MARK).touch()
        for network in NETWORKS:
            if not _routes(network):
                # Somebody else's equal route guards just as well, and stays theirs.
                with suppress(LabError):
                    run(
                        "ip", _family(network), "route", "add", "unreachable", network,
                        "metric", _WORST, "proto", _PROTOCOL,
                    )
        if _LOGGING.exists() and not _LOGGED.exists():
            _LOGGED.write_text(_LOGGING.read_text())
            _LOGGING.write_text("1")


def release(lab: Lab) -> None:
    """Take the guard down for a lab; the last lab's leave restores what was there before."""
    if not RUNTIME.exists():
        return
    with _locked():
        (lab.run / _MARK).unlink(missing_ok=True)
        if any(RUNTIME.glob(f"*/{_MARK}")):
            return
        for network in NETWORKS:
            if _routes(network):
                run(
                    "ip", _family(network), "route", "delete", "unreachable", network,
                    "metric", _WORST, "proto", _PROTOCOL,
                )
        if _LOGGED.exists():
            with suppress(OSError):
                _LOGGING.write_text(_LOGGED.read_text().strip())
            _LOGGED.unlink()


def stands() -> bool:
    """Whether each guarded network has its unreachable route now."""
    return all(
        run("ip", _family(network), "route", "show", "type", "unreachable", "exact", network)
        for network in NETWORKS
    )
