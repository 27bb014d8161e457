"""Names on management: whom this machine asks for them, and the one that it registers for itself.

The role's file `names.json` says: {"servers": [addresses, nearest first], "updates": port, "zones":
[...], "reverse": [...], "everything": bool, "name", "addresses": {"A", "AAAA"}, "ttl": seconds}.
None of it may keep the interface from coming or going, or a change from being made: a DNS node that
is dead costs seconds, what could not be done is done later, by a timer, and no verb here refuses.
"""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from node.errors import Refused
from node.machine import Machine
from node.request import Answer, Request

INTERFACE = "wg1"
CONFIG, KEY = "roles/names/names.json", "secrets/names/tsig"
TRIES = 3
"""How often a DNS node is asked that does not answer; right after a change it may just start."""

_PAUSE = 5.0
_PATIENCE = 2.0
"""Seconds for one update: across the world an answer takes 0.4 s, a new session as long again."""

_LOCAL = 1.0
"""Seconds for one word to a daemon of this machine: another one's trouble is not ours."""


def names(machine: Machine, _: Request) -> Answer:
    """Ask the DNS nodes for the mesh's names from now on, and register this machine's.

    Returns:
        ``asks``: whether there is somebody here who asks them; without systemd-resolved names come
        from the hosts file alone. ``registered``, ``silent``: DNS nodes, by address.
    """
    return _served(machine, tries=1)


def register(machine: Machine, _: Request) -> Answer:
    """The same again, and patiently: a DNS node or systemd-resolved may have come late.

    Returns:
        As :func:`names`.
    """
    return _served(machine, tries=TRIES)


def nameless(machine: Machine, _: Request) -> Answer:
    """Take this machine's name back, and ask nobody on the interface any more: it goes.

    Returns:
        ``withdrawn``: DNS nodes, by address.
    """
    config = _config(machine)
    withdrawn = _tell(machine, config, config["servers"], adding=False) if config else []
    if _resolved(machine):
        _done(machine, "resolvectl", "revert", INTERFACE)
    return {"withdrawn": withdrawn}


def _served(machine: Machine, *, tries: int) -> Answer:
    config = _config(machine)
    if config is None:
        return {"asks": False, "registered": [], "silent": []}
    return {"asks": _ask(machine, config), **_registered(machine, config, tries=tries)}


def _registered(machine: Machine, config: Mapping[str, Any], *, tries: int) -> Answer:
    silent: list[str] = list(config["servers"])
    for attempt in range(tries):
        if attempt:
            machine.clock.sleep(_PAUSE)
        done = _tell(machine, config, silent, adding=True)
        silent = [server for server in silent if server not in done]
        if not silent:
            break
    if silent:
        machine.journal.say(f"{config['name']} is not registered with {', '.join(silent)} yet")
    told = [server for server in config["servers"] if server not in silent]
    return {"registered": told, "silent": silent}


def _tell(
    machine: Machine, config: Mapping[str, Any], servers: Iterable[str], *, adding: bool
) -> list[str]:
    """Send one update (RFC 2136) to each server, at once; returns those that took it."""
    key = machine.layout.active / KEY
    name = f"{config['name']}."

    def send(server: str) -> bool:
        lines = [f"server {server} {config['updates']}", f"zone {name}"]
        lines += [f"del {name} {kind}" for kind in config["addresses"]]
        if adding:
            at = config["addresses"].items()
            lines += [f"add {name} {config['ttl']} {kind} {address}" for kind, address in at]
        text = "".join(f"{line}\n" for line in [*lines, "send"])
        argv = ["knsupdate", "-k", str(key), "-t", "1", "-r", "1"]
        try:
            return machine.commands.run(argv, stdin=text, timeout=_PATIENCE).code == 0
        except Refused:
            return False

    asked = list(servers)
    with ThreadPoolExecutor(max_workers=max(1, len(asked))) as pool:
        return [server for server, taken in zip(asked, pool.map(send, asked), strict=True) if taken]


def _ask(machine: Machine, config: Mapping[str, Any]) -> bool:
    """Have systemd-resolved ask the DNS nodes on the interface: for their zones, or for all."""
    if not _resolved(machine):
        return False
    everything = bool(config["everything"])
    zones = [*config["zones"], *(f"~{zone}" for zone in config["reverse"])]
    for words in (
        ["dns", INTERFACE, *config["servers"]],
        ["domain", INTERFACE, *zones, *(["~."] if everything else [])],
        ["default-route", INTERFACE, "yes" if everything else "no"],
        # No neighbour is asked; these zones are signed by nobody, and WireGuard carries them.
        ["llmnr", INTERFACE, "no"],
        ["mdns", INTERFACE, "no"],
        ["dnssec", INTERFACE, "no"],
        ["dnsovertls", INTERFACE, "no"],
    ):
        if not _done(machine, "resolvectl", *words):
            machine.journal.say(f"{INTERFACE} gets no names from the DNS nodes: {words[0]} refused")
            return False
    return True


def _resolved(machine: Machine) -> bool:
    """Whether systemd-resolved runs; `resolvectl` itself would start one that only lies there."""
    return _done(machine, "systemctl", "is-active", "--quiet", "systemd-resolved.service")


def _done(machine: Machine, *argv: str) -> bool:
    try:
        return machine.commands.run(argv, timeout=_LOCAL).code == 0
    except Refused:
        return False


def _config(machine: Machine) -> dict[str, Any] | None:
    path = machine.layout.active / CONFIG
    if not path.exists():
        return None
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config
