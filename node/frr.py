"""FRR on a gateway: its configuration into the running daemons, and what they tell of the links.

The configuration that was loaded last is kept beside the daemons' sockets: one that is started anew
after a crash reads it there by itself.
"""

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node import drift_units
from node.errors import Refused
from node.machine import Machine
from node.request import AGAIN, Answer, Request

FILE = "roles/gateway/frr.conf"
OWNERS = "owners.json"
"""Below /run/backplane: {site: {"metric": n, ...}}, as the ownership daemon keeps it."""

RUN = "/run/frr"
DAEMONS = ("zebra", "bgpd", "bfdd")
_CONF, _SHELL = "frr.conf", "vtysh.conf"
_PATIENCE, _STEP = 30.0, 0.2
_LONGEST = 60.0
_TAKEN = 2.0  # seconds in which neighbours have sent again what they offer (RFC 2918)
_FIX = "look at `journalctl -b -u 'backplane-*d.service' -u backplane-zebra` on the machine"
_SHOWN = ("show bgp ipv4 unicast summary json", "show bgp ipv6 unicast summary json",
          "show bfd peers json")  # fmt: skip
_OUT = re.compile(r"route-map (site-(\d+)-out-(v[46])\S*) permit (\d+)")
_METRIC = re.compile(r" set metric \d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What FRR knows of one link.

    Attributes:
        state: of BGP, `Established` when it works.
        seconds: since BGP was established last; 0 while it is not.
        bfd: `up`, `down`, `init`, `shutdown`; `unknown` before there is a session.
        v4: IPv4 prefixes that the peer's policy and ours let in.
        v6: the same for IPv6.
    """

    state: str
    seconds: int
    bfd: str
    v4: int
    v6: int


def frr(machine: Machine, _: Request) -> Answer:
    """Load the active generation's configuration; what it leaves as it is keeps its sessions.

    When it returns, what other policies let in or out has been told to and by the neighbours.

    Returns:
        ``loaded``: whether this machine is a gateway.

    Raises:
        Refused: A daemon does not answer, or FRR does not take the configuration.
    """
    file = machine.layout.active / FILE
    if not file.exists():
        return {"loaded": False}
    _patiently(machine)
    owners = machine.recall(machine.layout.run / OWNERS) or {}
    text = with_metrics(file.read_text(encoding="ascii"), _metrics(owners))
    # vtysh always shows a name as configured: the machine's, so the same is what is wanted.
    _write(machine, f"hostname {os.uname().nodename}\n{text}")
    run = str(machine.layout.at(RUN))
    done = machine.commands.run(
        ["/usr/lib/frr/frr-reload.py", "--reload", "--stdout", "--log-level", "error", "--bindir",
         "/usr/bin", "--confdir", run, f"{run}/{_CONF}"],
        timeout=_LONGEST,
    )  # fmt: skip
    if done.code != 0:
        said = " / ".join((done.out + done.err).strip().splitlines()[-6:])
        raise Refused(f"FRR does not take its configuration: {said or done.code}", _FIX)
    # Without this bgpd goes by the old policies for five seconds more, and whoever looks for what
    # the new ones let through finds what the old ones did.
    _vtysh(machine, *(f"clear bgp {family} unicast * soft" for family in ("ipv4", "ipv6")))
    machine.clock.sleep(_TAKEN)
    return {"loaded": True}


def with_metrics(text: str, metrics: Mapping[str, int]) -> str:
    """A configuration with other metrics (MED) for some sites.

    Args:
        text: frr.conf.
        metrics: by site id.
    """
    lines, site = [], ""
    for line in text.splitlines():
        if not line.startswith(" "):
            found = _OUT.fullmatch(line)
            site = found[2] if found else ""
        replaced = site in metrics and _METRIC.fullmatch(line)
        lines.append(f" set metric {metrics[site]}" if replaced else line)
    return "".join(f"{line}\n" for line in lines)


def metric_commands(text: str, site: str, metric: int) -> list[str]:
    """What vtysh is told so that a site's neighbours learn another metric at once.

    Args:
        text: the frr.conf that is loaded.
        site: its id.
        metric: the MED.
    """
    maps = {f[0]: f for f in map(_OUT.fullmatch, text.splitlines()) if f and f[2] == site}
    names = {found[1] for found in maps.values()}
    applied = re.findall(r"^  neighbor (\S+) route-map (\S+) out$", text, re.MULTILINE)
    peers = sorted({peer for peer, name in applied if name in names})
    told = ["configure"]
    for head in maps:
        told += [head, f"set metric {metric}", "exit"]
    # Without this bgpd waits five seconds for further changes.
    clear = [f"clear bgp {of} unicast {peer} soft out" for peer in peers for of in ("ipv4", "ipv6")]
    return [*told, "end", *clear]


def set_metric(machine: Machine, site: str, metric: int) -> None:
    """Tell the neighbours of a site another metric, now, and for a daemon that is started anew.

    Raises:
        Refused: Nothing is loaded for that site, or FRR does not do it.
    """
    path = machine.layout.at(RUN) / _CONF
    text = path.read_text(encoding="ascii") if path.exists() else ""
    told = metric_commands(text, site, metric)
    if not any(line.startswith("route-map") for line in told):
        raise Refused(f"FRR has no link to site {site}", AGAIN)
    _write(machine, with_metrics(text, {site: metric}))
    said = _vtysh(machine, *told).strip()
    if "%" in said or "not running" in said:
        raise Refused(f"FRR keeps the metric of site {site}: {said[-300:]}", _FIX)


def sessions(machine: Machine) -> dict[str, Session]:
    """What FRR knows of each link, by interface.

    Raises:
        Refused: It does not answer.
    """
    told, documents = _vtysh(machine, *_SHOWN).strip(), []
    try:
        while told:
            document, end = json.JSONDecoder().raw_decode(told)
            documents.append(document)
            told = told[end:].lstrip()
        first, second, third = documents
        return read(first, second, third)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("FRR does not tell of its sessions", _FIX) from error


def read(
    v4: Mapping[str, Any], v6: Mapping[str, Any], bfd: list[Mapping[str, Any]]
) -> dict[str, Session]:
    """The same from what vtysh tells: BGP's summaries by family, and BFD's peers.

    A link is known by the neighbour's description.
    """
    others, alive = v6.get("peers", {}), {one["peer"]: one["status"] for one in bfd}
    found = {}
    for peer, told in v4.get("peers", {}).items():
        up = told["state"] == "Established"
        found[str(told["desc"])] = Session(
            state=str(told["state"]),
            seconds=int(told.get("peerUptimeMsec", 0)) // 1000 if up else 0,
            bfd=str(alive.get(peer, "unknown")),
            v4=int(told.get("pfxRcd", 0)),
            v6=int(others.get(peer, {}).get("pfxRcd", 0)),
        )
    return dict(sorted(found.items()))


def _metrics(owners: Mapping[str, object]) -> dict[str, int]:
    return {
        site: int(told["metric"])
        for site, told in owners.items()
        if isinstance(told, dict) and isinstance(told.get("metric"), int)
    }


def _patiently(machine: Machine) -> None:
    """Wait for the daemons: at boot they come late.

    Each must have read what was there when it started. One that reads the new file meanwhile hides
    from frr-reload that others lack the lines that they share with it: so a route-map of zebra's
    got its `set` and not its `match`.
    """
    until = machine.clock.seconds() + _PATIENCE
    while silent := [*_starting(machine)] or [one for one in DAEMONS if not _answers(machine, one)]:
        if machine.clock.seconds() >= until:
            raise Refused(f"FRR: {', '.join(silent)} did not answer in {_PATIENCE:g} s", _FIX)
        machine.clock.sleep(_STEP)


def _starting(machine: Machine) -> Iterator[str]:
    units = {f"backplane-{daemon}.service": daemon for daemon in DAEMONS}
    for name, told in drift_units.shown(machine, "Id,ActiveState", units).items():
        if told["ActiveState"] != "active":
            yield units[name]


def _answers(machine: Machine, daemon: str) -> bool:
    run = str(machine.layout.at(RUN))
    argv = ["vtysh", "--config_dir", run, "-d", daemon, "-c", "show version"]
    done = machine.commands.run(argv)
    return done.code == 0 and "FRRouting" in done.out


def _vtysh(machine: Machine, *commands: str) -> str:
    run = str(machine.layout.at(RUN))
    words = [word for one in commands for word in ("-c", one)]
    return machine.commands.must(
        ["vtysh", "--config_dir", run, *words],
        why="FRR does not answer",
        fix=_FIX,
    )


def _write(machine: Machine, text: str) -> None:
    folder = machine.layout.at(RUN)
    # Without this file vtysh complains of it each time, on stderr.
    for name, content in ((_SHELL, "service integrated-vtysh-config\n"), (_CONF, text)):
        _replace(folder / name, content)


def _replace(path: Path, text: str) -> None:
    # The directory is the daemons': a name that nobody can have put there before, nor led astray.
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    new.rename(path)
