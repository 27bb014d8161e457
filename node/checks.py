"""Whether a generation works here: it is what is live, and its peers answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from node import activation, interfaces, probe
from node.bundle import LINK
from node.generations import Generation
from node.machine import Machine

# A session is refused after 180 s (WireGuard whitepaper, section 6.2): an older one proves nothing.
FRESH = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A peer that did not answer on one plane.

    Attributes:
        name: The peer.
        interface: Where.
        addresses: Its addresses there that were silent.
        handshake: Seconds since its last handshake; None for never.
    """

    name: str
    interface: str
    addresses: tuple[str, ...]
    handshake: int | None


def silent(
    machine: Machine, generation: Generation, names: Iterable[str], seconds: float
) -> list[Silence]:
    """Which of the named peers do not answer, on every plane they share with this node.

    A node must answer an echo on each of its addresses. A person's device may filter those: there
    a fresh handshake counts as well.

    Args:
        machine: The machine.
        generation: Whose peers.
        names: Peers that must answer; those that the generation does not know are left out.
        seconds: How long to go on asking.
    """
    required = set(names)
    asked = [
        (interface, peer)
        for interface, peers in sorted(generation.mesh.items())
        for peer in peers
        if peer["name"] in required
    ]
    answers = probe.ping((a for _, peer in asked for a in _addresses(peer)), seconds)
    shaken = _handshakes(machine, {interface for interface, _ in asked})
    now = int(machine.clock.wall())
    found = []
    for interface, peer in asked:
        quiet = tuple(a for a in _addresses(peer) if answers[a] is None)
        last = shaken.get((interface, peer["public"]), 0)
        age = max(0, now - last) if last else None
        person = peer.get("kind", "node") not in {"node", LINK}
        if quiet and not (person and age is not None and age < FRESH):
            found.append(
                Silence(name=peer["name"], interface=interface, addresses=quiet, handshake=age)
            )
    return found


def reasons_not_live(machine: Machine, generation: Generation) -> list[str]:
    """Why ``generation`` is not what the kernel and the daemons have; empty when it is."""
    return [f"{what} is not as declared" for what in activation.deviations(machine, generation)]


def _addresses(peer: object) -> list[str]:
    told = peer if isinstance(peer, dict) else {}
    return [str(told[family]).partition("/")[0] for family in ("v4", "v6") if told.get(family)]


def _handshakes(machine: Machine, names: set[str]) -> dict[tuple[str, str], int]:
    up = interfaces.live_names(machine)
    return {
        (name, public): seen.handshake
        for name in sorted(names & up)
        for public, seen in interfaces.read(machine, name).seen.items()
    }
