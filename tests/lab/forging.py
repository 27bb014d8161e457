"""A hostile node of the routed lab: every lie it can tell about planes, and who hears which."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from lab import hostile
from lab.machines.machine import Machine
from tests.lab.flow import PLANES
from tests.lab.routed import Routed
from tests.lab.sites import address
from tests.lab.verbs import Place

_PLACE = "/run/lab-hostile.py"
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """One packet of a hostile node.

    Attributes:
        ingress: the interface that it goes out of.
        source: the plane of its source address.
        target: the plane of its target.
        speaker: whose source address it has.
        hearer: who it is for.
        family: 4 or 6.
        port: what tells it from all others.
        honest: whether it is none, and must arrive.
    """

    ingress: str
    source: str
    target: str
    speaker: str
    hearer: str
    family: int
    port: int
    honest: bool

    @property
    def packet(self) -> tuple[str, str, str, int]:
        """What `lab/hostile.py` sends."""
        return (
            self.ingress,
            address(self.speaker, self.source, self.family),
            address(self.hearer, self.target, self.family),
            self.port,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A packet seen at a node: interface, `in` or `out`, target and port."""

    node: str
    interface: str
    direction: str
    target: str
    port: int


def lies(
    ingresses: Sequence[str], speakers: Sequence[str], hearers: Sequence[str], *, own: Sequence[str]
) -> list[Lie]:
    """Every combination of way out, source plane, target plane, source, target and family.

    Args:
        ingresses: interfaces of the hostile node.
        speakers: whose addresses it takes.
        hearers: whom it writes to.
        own: those of the speakers for whom it may speak, on the plane that it goes out of; a link
            between gateways carries all planes, each to itself.
    """
    made: list[Lie] = []
    for ingress, source, target, speaker, hearer, family in product(
        ingresses, PLANES, PLANES, speakers, hearers, (4, 6)
    ):
        made.append(
            Lie(
                ingress=ingress,
                source=source,
                target=target,
                speaker=speaker,
                hearer=hearer,
                family=family,
                port=hostile.PORTS[len(made)],
                honest=speaker in own
                and source == target
                and (ingress == source or ingress.startswith("wgl")),
            )
        )
    return made


class Machines(Protocol):
    """Whoever knows a lab's machines by name."""

    def machine(self, name: str) -> Machine:
        """The machine of the server with this name."""
        ...


def put(lab: Machines, name: str) -> None:
    """Bring the program to a machine."""
    text = Path(hostile.__file__).read_text()
    done = lab.machine(name).run("sh", "-c", f"cat >{_PLACE}", stdin=text)
    assert done.returncode == 0, done.stderr


def send(lab: Machines, name: str, packets: Sequence[tuple[str, str, str, int]]) -> None:
    """Let a node put these packets on the wire; the kernel must take each."""
    put(lab, name)
    line = json.dumps(packets) + "\n"
    done = lab.machine(name).run("python3", _PLACE, "send", stdin=line, seconds=_SECONDS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(packets)


@contextmanager
def hearing(lab: Machines, names: Sequence[str]) -> Iterator[list[Heard]]:
    """Have nodes listen on all their interfaces; the list is filled when the block has ended."""
    processes: dict[str, subprocess.Popen[str]] = {}
    heard: list[Heard] = []
    try:
        for name in names:
            put(lab, name)
            processes[name] = subprocess.Popen(
                lab.machine(name).words("python3", _PLACE, "hear"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        for name, process in processes.items():
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", f"{name}: {process.communicate()}"
        yield heard
        for name, process in processes.items():
            out, err = process.communicate(timeout=_SECONDS)
            assert process.returncode == 0, f"{name}: {err}"
            heard += [
                Heard(node=name, interface=where, direction=way, target=target, port=port)
                for where, way, _, target, port in json.loads(out)
            ]
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()


@contextmanager
def wide(routed: Routed, name: str, peer: str) -> Iterator[None]:
    """Let a hostile node's WireGuard send anything by one peer: its own AllowedIPs are its own.

    Every other peer keeps its addresses, which are more specific. The daemon that would mend it is
    stopped meanwhile, as a hostile node would.
    """
    place = routed.on(name)
    place.succeed("systemctl stop backplane-routes.service")
    try:
        with sending(place, routed.mesh.outputs()["nodes"][peer]):
            yield
    finally:
        place.succeed("systemctl start backplane-routes.service")


@contextmanager
def sending(place: Place, peer: Mapping[str, Any]) -> Iterator[None]:
    """Let a node's WireGuard send by one peer, on each plane, whatever no other peer is for.

    Args:
        place: the node.
        peer: the peer, as the stack's output `nodes` has it.
    """
    keys, before = set(peer["public_keys"].values()), dict[tuple[str, str], str]()
    for line in place.succeed("wg show all allowed-ips").splitlines():
        plane, key, *listed = line.split()
        if plane in PLANES and key in keys:
            before[plane, key] = ",".join(listed)
    assert len(before) == len(PLANES), before
    try:
        for (plane, key), allowed in before.items():
            everything = f"{allowed},10.200.0.0/13,fd5b:6f1e:9c2a::/48,169.254.0.0/16,fd00:ec2::/32"
            place.succeed(f"wg set {plane} peer {key} allowed-ips {everything}")
        yield
    finally:
        for (plane, key), allowed in before.items():
            place.succeed(f"wg set {plane} peer {key} allowed-ips {allowed}")


def dropped(place: Place) -> int:
    """How many packets a node's guards have dropped on all planes."""
    told = json.loads(place.succeed("nft -j list counters table inet backplane"))
    counters = (entry["counter"] for entry in told["nftables"] if "counter" in entry)
    return sum(one["packets"] for one in counters if one["name"].startswith("unexpected_"))


def leaks(told: Sequence[Lie], heard: Sequence[Heard]) -> list[tuple[Lie, Heard]]:
    """Lies that were delivered, or that somebody sent on.

    A first hop may hear a lie on the plane that it came by; it must not pass it on.
    """
    by_port: Mapping[int, Lie] = {lie.port: lie for lie in told}
    found = []
    for one in heard:
        lie = by_port.get(one.port)
        if lie is None or lie.honest:
            continue
        delivered = one.target == address(one.node, lie.target, lie.family)
        # A link is called differently at its two ends.
        if one.direction == "out" or delivered or one.interface[:3] != lie.ingress[:3]:
            found.append((lie, one))
    return found


def unheard(told: Sequence[Lie], heard: Sequence[Heard]) -> list[Lie]:
    """Honest packets that did not arrive at whom they were for."""
    came = {(one.node, one.port) for one in heard if one.direction == "in"}
    return [lie for lie in told if lie.honest and (lie.hearer, lie.port) not in came]
