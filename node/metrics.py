"""What Prometheus learns of this machine beside the node exporter's own: a file for that exporter.

WireGuard's metrics have the names and labels of prometheus_wireguard_exporter 3.6.6
(https://github.com/MindFlavor/prometheus_wireguard_exporter), with `friendly_name` the peer's name,
and `plane`. No key but public ones is ever asked for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node import generations, receive
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.request import Answer, Request

FOLDER = "/run/backplane/metrics"
"""Where the node exporter looks for files; whatever else a role measures lies there too."""

_COUNTER = "unexpected_"
_FIX = "look at `journalctl -b` on the machine"
Samples = list[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A family of samples (Prometheus' text format, version 0.0.4)."""

    name: str
    kind: str
    about: str
    samples: Samples

    def lines(self) -> Iterator[str]:
        """As a line of help, one of type, and one for each sample."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"{self.name}{{{inside}}} {value:.16g}" if inside else f"{self.name} {value:.16g}"


def metrics(machine: Machine, _: Request) -> Answer:
    """Write `wireguard.prom`, `backplane.prom`, and `routes.prom` where the mesh is routed.

    Returns:
        ``written``: the files.

    Raises:
        Refused: WireGuard cannot be read; the journal says so too, as nobody reads the answer.
    """
    try:
        return _written(machine)
    except Refused as refused:
        machine.journal.say(f"no metrics: {refused.error}")
        raise


def _written(machine: Machine) -> Answer:
    name = generations.named(machine, machine.layout.active)
    generation = generations.load(machine, name) if name else None
    from node import routes_metrics  # noqa: PLC0415 - it is made of this module's parts

    told = {"wireguard": wireguard(machine, generation), "backplane": own(machine)}
    if not (machine.layout.active / receive.FILE).exists():
        # What the last look at copies has left is about none of this generation's.
        machine.disk.remove(machine.layout.at(FOLDER) / "replication.prom")
    written = [write(machine, file, told[file]) for file in told]
    # Last: what FRR is slow to tell keeps nothing else from being written.
    if ways := routes_metrics.families(machine):
        written.append(write(machine, routes_metrics.FILE, ways))
    else:
        machine.disk.remove(machine.layout.at(FOLDER) / f"{routes_metrics.FILE}.prom")
    return {"written": sorted(written)}


def write(machine: Machine, name: str, families: Iterable[Metric]) -> str:
    """Write a file for the node exporter in one step; return what it is called."""
    folder = machine.layout.at(FOLDER)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)
    text = "".join(f"{line}\n" for family in families for line in family.lines())
    fresh = folder / f".{name}.new"
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.rename(folder / f"{name}.prom")
    return f"{name}.prom"


def wireguard(machine: Machine, generation: Generation | None) -> list[Metric]:
    """Traffic and last handshake of each peer of our interfaces."""
    planes = generation.interfaces if generation else {}
    peers: dict[tuple[str, str], dict[str, str]] = {}
    for interface, public, allowed in _shown(machine, "allowed-ips"):
        if interface in planes:
            names = generation.peer_names(interface) if generation else {}
            peers[interface, public] = {
                "interface": interface,
                "public_key": public,
                "allowed_ips": ",".join(sorted(allowed.split())),
                "friendly_name": names.get(public, "unknown"),
                "plane": str(planes[interface]["slot"]),
            }
    sent: Samples = []
    received: Samples = []
    for interface, public, counted in _shown(machine, "transfer"):
        if labels := peers.get((interface, public)):
            down, up = counted.split()
            received.append((labels, int(down)))
            sent.append((labels, int(up)))
    shaken: Samples = [
        (peers[interface, public], int(when))
        for interface, public, when in _shown(machine, "latest-handshakes")
        if (interface, public) in peers
    ]
    return [
        Metric(
            name="wireguard_sent_bytes_total",
            kind="counter",
            about="Bytes sent to the peer.",
            samples=sent,
        ),
        Metric(
            name="wireguard_received_bytes_total",
            kind="counter",
            about="Bytes received from the peer.",
            samples=received,
        ),
        Metric(
            name="wireguard_latest_handshake_seconds",
            kind="gauge",
            about="When the last handshake was, in seconds since 1970; 0 for never.",
            samples=shaken,
        ),
    ]


def own(machine: Machine) -> list[Metric]:
    """What guards have dropped, and whether the machine waits for a reboot."""
    wanted = machine.layout.at("/run/reboot-required").exists()
    return [
        Metric(
            name="backplane_unexpected_packets_total",
            kind="counter",
            about="Packets inside a plane from an address that is no peer's, dropped.",
            samples=[({"interface": name}, count) for name, count in _unexpected(machine)],
        ),
        Metric(
            name="backplane_reboot_required",
            kind="gauge",
            about="1 while an update waits for a reboot.",
            samples=[({}, int(wanted))],
        ),
    ]


def _shown(machine: Machine, what: str) -> Iterator[tuple[str, str, str]]:
    """Interface, public key and the rest of each line of ``wg show all`` (wg(8))."""
    text = machine.commands.must(
        ["wg", "show", "all", what], why="WireGuard cannot be read", fix=_FIX
    )
    for line in text.splitlines():
        interface, public, rest = line.split("\t", 2)
        yield interface, public, rest.replace("\t", " ").replace("(none)", "")


def _unexpected(machine: Machine) -> Iterable[tuple[str, int]]:
    argv = ["nft", "--json", "list", "counters", "table", "inet", "backplane"]
    try:
        told = json.loads(machine.commands.must(argv, why="the firewall cannot be read", fix=_FIX))
    except (Refused, ValueError):
        return []
    counters: list[dict[str, Any]] = [
        entry["counter"] for entry in told["nftables"] if "counter" in entry
    ]
    return sorted(
        (one["name"].removeprefix(_COUNTER), int(one["packets"]))
        for one in counters
        if one["name"].startswith(_COUNTER)
    )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
