"""Root on one node tries everything of `tests.lab.hostilities`: it reaches what it may, no more."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from lab import hostile
from tests.lab.flow import PLANES
from tests.lab.forging import dropped, hearing, send, sending
from tests.lab.hostilities import (
    ATTEMPTS,
    FORGED,
    HOSTILE,
    PRELUDE,
    SCRIPTS,
    SLOTS,
    WATCHER,
    Attempt,
)
from tests.lab.mesh import Mesh

INTERFACES = dict(zip(SLOTS, PLANES, strict=True))
FAMILIES = ("ipv4", "ipv6")


def _variables(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Every address and key that the scripts name."""
    told = {"OTHER_NAME": "fsn-a.mgmt"}
    nodes = {name.replace("-", "").upper(): node for name, node in outputs["nodes"].items()}
    for name, one in nodes.items():
        for slot, addresses in one["addresses"].items():
            told[f"{name}_{slot.upper()}"] = addresses["ipv4"]
            told[f"{name}_{slot.upper()}6"] = addresses["ipv6"]
        told[f"{name}_PUBLIC"], told[f"{name}_PUBLIC6"] = one["public"].values()
    return told


def _script(outputs: Mapping[str, Any]) -> str:
    """All scripts at once; each says its number and its exit code."""
    given = "".join(
        f"export {name}={shlex.quote(value)}\n" for name, value in _variables(outputs).items()
    )
    tries = "".join(
        f"( ( {one.script}\n ) >/run/hostile.{number} 2>&1 </dev/null; echo {number} $? ) &\n"
        for number, one in enumerate(SCRIPTS)
    )
    return f"{given}{PRELUDE}{tries}wait\n"


def test_there_are_enough_attempts_and_no_two_alike() -> None:
    """At least fifty, of which some must be reached, or nobody knows that they were made at all."""
    assert len(ATTEMPTS) >= 60
    assert len({one.what for one in ATTEMPTS}) == len(ATTEMPTS)
    assert 10 <= sum(one.reached for one in ATTEMPTS) < len(ATTEMPTS) / 2


def test_scripts_of_a_hostile_node_reach_what_they_may(mesh: Mesh) -> None:
    """SSH, metrics, names, public addresses, handshakes: as the threat model says."""
    place = mesh.lab.on(HOSTILE)
    said = place.succeed(f"bash -c {shlex.quote(_script(mesh.outputs()))}", 120)
    codes = {int(number): int(code) for number, code in map(str.split, said.splitlines())}
    assert len(codes) == len(SCRIPTS)
    surprises = {
        one.what: (codes[number], place.succeed(f"tail -c 600 /run/hostile.{number}"))
        for number, one in enumerate(SCRIPTS)
        if codes[number] != (0 if one.reached else 1)
    }
    assert surprises == {}


def _packets(outputs: Mapping[str, Any]) -> dict[int, tuple[Attempt, tuple[str, str, str, int]]]:
    """Every forged packet by its port, with the attempt that it belongs to."""
    by_what = {one.what: one for one in FORGED}
    nodes, people = outputs["nodes"], outputs["plan"]["people"]
    own, target = nodes[HOSTILE]["addresses"], nodes[WATCHER]["addresses"]
    others = {
        "a node": nodes["hel-a"]["addresses"],
        "the runner": people["runner"]["addresses"],
        "a person": people["alice"]["addresses"],
    }
    made: dict[int, tuple[Attempt, tuple[str, str, str, int]]] = {}

    def add(what: str, slot: str, source: str, hearer: str) -> None:
        port = hostile.PORTS[len(made)]
        made[port] = (by_what[what], (INTERFACES[slot], source, hearer, port))

    for slot in SLOTS:
        for family in FAMILIES:
            here = target[slot][family]
            add(f"a packet from its own address, on {slot}", slot, own[slot][family], here)
            for who, addresses in others.items():
                # Somebody who is not on this plane has an address of another.
                source = addresses.get(slot, addresses["management"])[family]
                add(f"a packet in another's name, on {slot}: {who}", slot, source, here)
            for other in SLOTS:
                if other != slot:
                    what = f"a packet from its address of another plane, on {slot}"
                    add(what, slot, own[other][family], here)
                    what = f"a packet to an address of another plane, on {slot}"
                    add(what, slot, own[slot][family], target[other][family])
    return made


def test_forged_packets_of_a_hostile_node_get_nowhere(mesh: Mesh) -> None:
    """In others' names and from other planes they never leave the tunnel; its own arrive.

    One for another plane's address does come out, on the plane that it was sent on, as nobody is
    in between: the node's guard drops and counts each.
    """
    outputs = mesh.outputs()
    packets = _packets(outputs)
    assert {one.what for one, _ in packets.values()} == {one.what for one in FORGED}
    astray = {port for port, (one, _) in packets.items() if " to an address of " in one.what}
    hostile_one, watcher = mesh.lab.on(HOSTILE), mesh.lab.on(WATCHER)
    before = dropped(watcher)
    with sending(hostile_one, outputs["nodes"][WATCHER]), hearing(mesh.lab, [WATCHER]) as heard:
        send(mesh.lab, HOSTILE, [packet for _, packet in packets.values()])
        for addresses in outputs["nodes"][WATCHER]["addresses"].values():
            for at in addresses.values():
                hostile_one.succeed(f"ping -c 1 -W 5 {at}")
    came = {one.port for one in heard if one.direction == "in"}
    honest = {port for port, (one, _) in packets.items() if one.reached}
    assert came == honest | astray
    assert {one.port for one in heard if one.direction == "out"} == set()
    assert dropped(watcher) - before == len(astray)
