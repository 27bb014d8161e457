"""A machine in memory of a routed mesh: its document, its kernel, and the daemon on it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node import routed, routing
from node.commands import Commands, Result
from node.heartbeat import Beat
from node.layout import Layout
from node.machine import Machine
from tests.node.model import FakeClock, FakeJournal

GENERATION = "0123456789abcdef"


def document(slot: int | None = 0) -> dict[str, Any]:
    """The routes.json of a node of a site with two gateways."""
    gateway = slot is not None
    return {
        "site": 1,
        "slot": slot,
        "name": "a",
        "port": 5310,
        "gateways": [
            {"slot": 0, "name": "a", "v4": "10.201.1.1"},
            {"slot": 1, "name": "b", "v4": "10.201.1.2"},
        ],
        "nodes": ["10.201.1.1", "10.201.1.2", "10.201.1.3"],
        "sibling": {"interface": "wgl1-1"} if gateway else None,
        "sites": {
            "2": {
                "name": "hel",
                "owner": 1,
                "links": ["wgl2-0"] if gateway else [],
                "ends": {"wgl2-0": {"v4": "10.254.0.1", "v6": "fd00::1"}} if gateway else {},
                "via": "wgl2-0" if gateway else None,
                "targets": {"wg1": {"v4": ["10.201.2.1"], "v6": ["fd00::102:0:0:1"]}},
            }
        },
        "planes": {
            "wg1": {
                "v4": "10.201.1.1" if gateway else "10.201.1.3",
                "v6": "fd00:0:0:101::1",
                "near": {"v4": "10.201.1.0/24", "v6": "fd00:0:0:101::/64"},
                "far": {"2": {"v4": "10.201.2.0/24", "v6": "fd00:0:0:102::/64"}},
            }
        },
    }


MESH = {
    "wg1": [
        {"name": "a", "v4": "10.201.1.1", "v6": "fd00:0:0:101::1", "public": "A", "gateway": "0"},
        {"name": "b", "v4": "10.201.1.2", "v6": "fd00:0:0:101::2", "public": "B", "gateway": "1"},
        {"name": "c", "v4": "10.201.1.4", "v6": "fd00:0:0:101::4", "public": "C"},
        {"name": "z", "v4": "10.201.2.1", "v6": "fd00:0:0:102::1", "public": "Z", "gateway": "0",
         "beyond": "1"},
    ]
}  # fmt: skip
MESH["wgl2-0"] = [{"name": "z", "v4": "10.254.0.2", "v6": "fd00::2", "public": "Y", "kind": "link"}]
FAR = frozenset({"10.201.2.0/24", "fd00:0:0:102::/64"})
OWN = {
    "A": frozenset({"10.201.1.1/32", "fd00:0:0:101::1/128"}),
    "B": frozenset({"10.201.1.2/32", "fd00:0:0:101::2/128"}),
}


class Kernel(Commands):
    """Rules, routes, AllowedIPs and nft of a node, as its programs show them."""

    def __init__(self) -> None:
        self.allowed = {"A": OWN["A"], "B": OWN["B"] | FAR, "C": frozenset({"10.201.1.4/32"})}
        self.rules: dict[str, set[tuple[str, str]]] = {"-4": set(), "-6": set()}
        self.routes: dict[str, set[str]] = {"-4": set(), "-6": set()}
        self.bgp: dict[str, list[str]] = {
            "-4": ["10.201.2.0/24"],
            "-6": ["fd00:0:0:102::/64"],
        }
        self.ruleset, self.system = "", "running"
        self.log: list[str] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Do what the program would do."""
        del timeout
        out = ""
        if list(argv) == ["wg", "show", "all", "allowed-ips"]:
            rows = (f"wg1\t{k}\t{' '.join(sorted(v)) or '(none)'}" for k, v in self.allowed.items())
            out = "\n".join(rows)
        elif argv[:2] == ["wg", "set"]:
            self.log.append(" ".join(argv))
            for place in range(3, len(argv), 4):
                new = frozenset(argv[place + 3].split(","))
                self.allowed = {key: had - new for key, had in self.allowed.items()}
                self.allowed[argv[place + 1]] = new
        elif argv[0] == "ip" and "-json" in argv:
            out = self._shown(argv[1])
        elif argv[0] == "ip":
            self.log += [f"{argv[1]} {line}" for line in stdin.splitlines()]
            for line in stdin.splitlines():
                self._change(argv[1], line.split())
        elif argv[0] == "systemctl":
            out = f"{self.system}\n"
        elif argv[0] == "vtysh":
            return Result(code=1, out="", err="% FRR does not run")
        else:
            assert argv[0] == "nft"
            self.ruleset = stdin
            self.log.append("nft copies" if "dup to" in stdin else "nft none")
        return Result(code=0, out=out, err="")

    def _change(self, family: str, words: list[str]) -> None:
        if words[:2] == ["rule", "add"]:
            self.rules[family].add((words[2], words[3]))
        elif words[:2] == ["rule", "del"]:
            self.rules[family].remove((words[2], words[3]))
        elif words[:2] == ["route", "replace"]:
            self.routes[family].add(" ".join(words[2:]))
        else:
            self.routes[family].remove(" ".join(words[2:]))

    def _shown(self, family: str) -> str:
        rules = [{"priority": 0, "src": "all", "table": "local"}]
        rules += [{"priority": 5183, kind: name} for kind, name in sorted(self.rules[family])]
        own = []
        for line in sorted(self.routes[family]):
            words = line.split()
            told = dict(zip(words[1::2], words[2::2], strict=True))
            own.append({"dst": words[0], "dev": told["dev"], "metric": int(told["metric"])})
            own[-1] |= {"prefsrc": told["src"]} if "src" in told else {}
            own[-1] |= {"table": told["table"]} if told["table"] != "main" else {}
        bgp = [{"dst": prefix, "dev": "wgl2-0"} for prefix in self.bgp[family]]
        return "".join(f"{json.dumps(part)}\n" for part in (rules, own, bgp))


def daemon(root: Path, slot: int | None) -> tuple[routing.Daemon, Kernel]:
    """A daemon on a node whose generation is active, with no network."""
    layout, kernel = Layout(root=root), Kernel()
    path = layout.generation(GENERATION)
    (path / "roles/routes").mkdir(parents=True)
    (path / routed.FILE).write_text(json.dumps(document(slot)), encoding="ascii")
    stated = {"generation": GENERATION, "node": "a", "incarnation": 1, "interfaces": {}}
    (path / "manifest.json").write_text(json.dumps(stated | {"mesh": MESH}), encoding="ascii")
    layout.run.mkdir(parents=True)
    layout.active.symlink_to(path)
    machine = Machine(layout=layout, commands=kernel, clock=FakeClock(), journal=FakeJournal())
    made = routing.Daemon(machine)
    made.channel.open = lambda *_: False  # type: ignore[method-assign]
    made.probing.turn = lambda *_: []  # type: ignore[method-assign]
    made.effects.announcer.want = lambda metrics: None  # type: ignore[method-assign]  # noqa: ARG005
    return made, kernel


def turn(made: routing.Daemon, seconds: float, *beats: Beat) -> None:
    """Let time pass, the beats coming in with each turn."""
    for _ in range(round(seconds / 0.25)):
        made.machine.clock.sleep(0.25)
        made._beats = lambda: [*beats]  # type: ignore[method-assign]
        made.guard(set())
