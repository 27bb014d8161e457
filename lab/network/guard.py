"""The guard against leaks: nothing meant for a lab ever leaves by a real interface.

While any lab is up, this computer has an unreachable route of the worst metric for every
network a lab uses, so that a packet whose tunnel or veth is gone fails at once instead of
taking the default route. More specific routes, and the labs' own, win over them. The routes
carry a protocol number of their own, by which they are found again and removed.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lab.layout import INTERNET_V4, INTERNET_V6, Lab, LabError, runtime
from lab.lock import locked
from lab.process import run

NETWORKS = (INTERNET_V4, "10.200.0.0/13", "10.254.0.0/16", INTERNET_V6, "fd00::/8")
"""The internet of the labs, the planes' and the links' addresses, and all unique local ones."""

RUNNER_LEFT = ("10.200.0.0/13", "fd5b:6f1e:9c2a::/48")
"""Where stack `lab` has its planes: its runner guards them for as long as this computer is up."""

_PROTOCOL = "211"
_RUNNER_PROTOCOL = "151"
_WORST = "4294967295"
_MARK = "guarded"
_PARAMETERS = {
    # Without it nft's `log` is silent in every network namespace but the first.
    Path("/proc/sys/net/netfilter/nf_log_all_netns"): 1,
    # Each machine's systemd and daemons take a dozen or two; the usual 128 end at ten machines.
    Path("/proc/sys/fs/inotify/max_user_instances"): 4096,
}
"""Kernel parameters of this computer that labs need, and how large they must be at least."""


def _family(network: str) -> str:
    return "-6" if ":" in network else "-4"


def _routes(network: str) -> str:
    """Return our unreachable route for a network as `ip` shows it; empty when it is not there."""
    return run(
        "ip",
        _family(network),
        "route",
        "show",
        "type",
        "unreachable",
        "proto",
        _PROTOCOL,
        "exact",
        network,
    ).strip()


def hold(lab: Lab) -> None:
    """Put the guard up for a lab; one that already stands is left alone."""
    with locked("guard"):
        lab.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        (lab.run / _MARK).touch()
        for network in NETWORKS:
            if not _routes(network):
                # Somebody else's equal route guards just as well, and stays theirs.
                with suppress(LabError):
                    run(
                        "ip",
                        _family(network),
                        "route",
                        "add",
                        "unreachable",
                        network,
                        "metric",
                        _WORST,
                        "proto",
                        _PROTOCOL,
                    )
        for parameter, least in _PARAMETERS.items():
            before = runtime() / parameter.name
            if parameter.exists() and not before.exists() and int(parameter.read_text()) < least:
                before.write_text(parameter.read_text())
                parameter.write_text(str(least))


def release(lab: Lab) -> None:
    """Take the guard down for a lab; the last lab's leave restores what was there before."""
    with locked("guard"):
        (lab.run / _MARK).unlink(missing_ok=True)
        if any(runtime().glob(f"*/{_MARK}")):
            return
        for network in NETWORKS:
            if _routes(network):
                run(
                    "ip",
                    _family(network),
                    "route",
                    "delete",
                    "unreachable",
                    network,
                    "metric",
                    _WORST,
                    "proto",
                    _PROTOCOL,
                )
        for network in RUNNER_LEFT:
            # None there is an error to `ip`, and fine here.
            with suppress(LabError):
                run(
                    *("ip", _family(network), "route", "flush"),
                    *("root", network, "proto", _RUNNER_PROTOCOL),
                )
        for parameter in _PARAMETERS:
            before = runtime() / parameter.name
            if before.exists():
                with suppress(OSError):
                    parameter.write_text(before.read_text().strip())
                before.unlink()


def stands() -> bool:
    """Whether each guarded network has its unreachable route now."""
    return all(
        run("ip", _family(network), "route", "show", "type", "unreachable", "exact", network)
        for network in NETWORKS
    )
