"""Verbs that change nothing: where a node stands, what is live, who answers."""

import hashlib
from collections.abc import Iterable

from node import generations, identity, lease, membership, rekeying, timers
from node.machine import Machine
from node.request import Answer, Request, ask

# WireGuard repeats a handshake every 5 s: a shorter wait would call a live peer silent.
_PATIENCE = 6.0
_PROBE = 3.0


def status(machine: Machine, request: Request) -> Answer:
    """Where this node stands, and what a ``generation`` on its disk would change of its own keys.

    Returns:
        ``whole``: whether that generation is on this disk as it was sent; ``rekeys``: the
        interfaces whose own key it changes; ``members``: the ids of its peers; ``held``: names
        kept out as removed, null while all operators are; ``wall``: seconds since 1970; ``clock``:
        ns of CLOCK_MONOTONIC. The other fields' names say it all.
    """
    layout = machine.layout
    here = identity.confirmed(machine)
    held, timer = lease.holder(machine), timers.armed(machine)
    tool = layout.tool
    target = request.get("generation")
    return {
        "node": here.node,
        "tool": hashlib.sha256(tool.read_bytes()).hexdigest()[:12] if tool.is_file() else None,
        "incarnation": here.incarnation,
        "confirmed": here.name,
        "active": generations.named(machine, layout.active),
        "staged": generations.named(machine, layout.staged),
        "lease": {"id": held[0], "expires": round(held[1], 3)} if held else None,
        "timer": round(timer.left, 3) if timer else None,
        "rolled_back": machine.recall(layout.undone),
        "boot_id": machine.boot_id(),
        "held": (machine.recall(layout.removed) or {}).get("names"),
        "whole": isinstance(target, str) and not generations.damage(machine, target),
        "members": _members(machine, target),
        "rekeys": rekeying.interfaces(machine, target),
        "wall": machine.clock.wall(),
        "clock": machine.clock.now_ns(),
    }


def _members(machine: Machine, target: object) -> list[str]:
    if not isinstance(target, str) or not machine.layout.generation(target).is_dir():
        return []
    return sorted(peer.id for peer in membership.peers(generations.load(machine, target)))


def clock(machine: Machine, lines: Iterable[str]) -> Answer:
    """Answer each line with CLOCK_MONOTONIC in ns at once: the other end measures its distance."""
    for _ in lines:
        print(machine.clock.now_ns(), flush=True)
    return {}


def check(machine: Machine, request: Request) -> Answer:
    """Whether a generation is live and the named peers answer.

    Returns:
        ``ok``; ``silent``: names that did not answer; ``unknown``: those of them that the
        generation does not know; ``details``: where; ``reasons``: why it is not live; ``ends``:
        with a ``nonce`` in the request, what :mod:`node.ends` tells; ``ways``: what BGP brings a
        gateway. With the ``ways`` of an earlier answer, those must be there again, and new ones.
    """
    from node import checks, ends, learned, services  # noqa: PLC0415 - every verb starts anew

    name = ask(request, "generation", str)
    names = [str(peer) for peer in ask(request, "peers", list)]
    seconds = ask(request, "seconds", float) if "seconds" in request else _PATIENCE
    active = generations.named(machine, machine.layout.active)
    if active != name:
        return {
            "ok": False,
            "silent": [],
            "unknown": [],
            "details": [],
            "reasons": [f"generation {active} is active, not {name}"],
        }
    generation = generations.load(machine, name)
    known = {peer["name"] for peers in generation.mesh.values() for peer in peers}
    until = machine.clock.seconds() + seconds
    reasons = checks.reasons_not_live(machine, generation)
    quiet = checks.silent(machine, generation, names, seconds)
    # One patience for all of it: whoever asks asks again.
    reasons += services.failing(machine, generation, max(0.0, until - machine.clock.seconds()))
    if "ways" in request:
        left = max(0.0, until - machine.clock.seconds())
        reasons += learned.missing(machine, ask(request, "ways", dict), names, left)
    unknown = sorted(set(names) - known)
    nonce = ask(request, "nonce", str) if "nonce" in request else ""
    return {
        "ok": not (quiet or unknown or reasons),
        "ends": ends.digests(machine, generation, nonce) if nonce else {},
        "ways": learned.ways(machine),
        "silent": sorted({item.name for item in quiet} | set(unknown)),
        "unknown": unknown,
        "details": [
            {
                "name": item.name,
                "interface": item.interface,
                "addresses": list(item.addresses),
                "handshake_age": item.handshake,
            }
            for item in quiet
        ],
        "reasons": reasons,
    }


def inspect(machine: Machine, _: Request) -> Answer:
    """Live facts."""
    from node import facts  # noqa: PLC0415 - every verb starts Python anew

    return {"node": identity.confirmed(machine).node, **facts.gather(machine)}


def probe(machine: Machine, request: Request) -> Answer:
    """Try addresses from this node: which answer an echo, which ports are open.

    Returns:
        ``pings``: milliseconds by address, null for silence; ``tcp``: address, port, and
        ``open``, ``refused``, ``silent`` or ``unreachable``.
    """
    from node import probe as tries  # noqa: PLC0415 - every verb starts Python anew

    del machine
    seconds = ask(request, "timeout", float) if "timeout" in request else _PROBE
    targets = [(str(address), int(port)) for address, port in request.get("tcp", [])]
    doors = tries.connect(targets, seconds)
    return {
        "pings": tries.ping([str(address) for address in request.get("pings", [])], seconds),
        "tcp": [[door.address, door.port, door.result] for door in doors],
    }
