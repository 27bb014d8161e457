"""Two hosts and a stranger with a public wire of 1500 octets and a private one of 1450 beside it.

No machine boots: a host is a network namespace with a mount namespace, in which wireguard-go runs
with what a bundle has for one plane, behind a node's whole ruleset.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.core import private, tools
from tests.core.example import Material
from tests.core.rulesets import ruleset

PLANE = "wg1"
PUBLIC, PRIVATE = "eth0", "ens10"
_WAIT = 15.0
_LISTEN = """
import socket, threading
for kind, port in ((socket.SOCK_STREAM, 22), (socket.SOCK_STREAM, 9100), (socket.SOCK_DGRAM, 9999)):
    one = socket.socket(socket.AF_INET, kind)
    one.bind(("0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        one.listen()
    globals()[f"s{port}"] = one
print("ready", flush=True)
threading.Event().wait()
"""


@dataclass
class Host:
    """A host by the process that holds its namespaces.

    Attributes:
        name: a node's, or another word.
        holder: the process.
    """

    name: str
    holder: subprocess.Popen[str]
    beside: list[subprocess.Popen[str]] = field(default_factory=list)

    def words(self, *command: str) -> list[str]:
        """The command that runs a command there."""
        return ["nsenter", f"--target={self.holder.pid}", "--net", "--mount", "--", *command]

    def run(self, *command: str, stdin: str = "") -> str:
        """What a command there prints; it must succeed."""
        done = subprocess.run(
            self.words(*command), input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{self.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def try_(self, *command: str) -> bool:
        """Whether a command there succeeds."""
        done = subprocess.run(self.words(*command), capture_output=True, check=False)
        return done.returncode == 0

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A command that goes on there."""
        words = self.words(*command)
        self.beside.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return self.beside[-1]

    def sent(self, interface: str) -> int:
        """Packets of IPv4 that left by an interface, as its own counter has them."""
        words = ("nft", "-j", "list", "counter", "ip", f"seen_{interface}", "left")
        told: Any = json.loads(self.run(*words))
        return next(int(one["counter"]["packets"]) for one in told["nftables"] if "counter" in one)

    def fragments(self) -> int:
        """How many pieces it has cut packets into."""
        rows = [line.split() for line in self.run("cat", "/proc/net/snmp").splitlines()]
        names, values = [row for row in rows if row[0] == "Ip:"][:2]
        return int(values[names.index("FragCreates")])

    def configure(self, made: Material) -> None:
        """Give its plane what a bundle has, as a flip does: what differs, and nothing else."""
        text = private.files(made, self.name)[f"wireguard/{PLANE}.conf"]
        own = ("Address", "MTU", "#")
        stripped = "\n".join(line for line in text.splitlines() if not line.startswith(own))
        [mtu] = [line.split(" = ")[1] for line in text.splitlines() if line.startswith("MTU")]
        now = dict(
            line.split("\t") for line in self.run("wg", "show", PLANE, "endpoints").splitlines()
        )
        if not now:
            self.run("wg", "setconf", PLANE, "/dev/stdin", stdin=f"{stripped}\n")
        for peer in stripped.split("[Peer]")[1:] if now else ():
            told = dict(line.split(" = ", 1) for line in peer.split("\n") if " = " in line)
            key, end = told["PublicKey"], told.get("Endpoint")
            if end not in {None, now[key]}:
                self.run("wg", "set", PLANE, "peer", key, "endpoint", str(end))
        self.run("ip", "link", "set", PLANE, "mtu", mtu, "up")

    def shaken(self) -> dict[str, str]:
        """When it last shook hands, by peer; never with some."""
        lines = self.run("wg", "show", PLANE, "latest-handshakes").splitlines()
        return {key: at for key, at in (line.split("\t") for line in lines) if at != "0"}

    def end(self) -> None:
        """Everything of it goes."""
        for one in (*self.beside, self.holder):
            one.terminate()
            one.wait(10)
            if one.stdout:
                one.stdout.close()


def _host(name: str) -> Host:
    script = "mkdir -p /run/wireguard; mount -t tmpfs none /run/wireguard; echo; exec sleep 600"
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", script], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    holder.stdout.readline()
    made = Host(name, holder)
    made.run("ip", "link", "set", "lo", "up")
    return made


def _wire(core: Host, host: Host, interface: str, address: str, here: str) -> None:
    """Hang a host on a wire; what leaves it there for `here` is counted, behind its firewall.

    Calls to the nodes of another site, which nobody answers, are none of that.
    """
    port, mtu = f"{host.name[:5]}-{interface}", "1500" if interface == PUBLIC else "1450"
    core.run(
        *("ip", "link", "add", port, "mtu", mtu, "type", "veth"),
        *("peer", "name", interface, "mtu", mtu, "netns", str(host.holder.pid)),
    )
    core.run("ip", "link", "set", port, "master", f"br-{interface}", "up")
    host.run("ip", "address", "add", address, "dev", interface)
    host.run("ip", "link", "set", interface, "up")
    counted = f"""
table ip seen_{interface} {{
  counter left {{
  }}
  chain out {{
    type filter hook postrouting priority 300;
    oifname "{interface}" ip daddr {{ 172.16.1.0/24, {here} }} counter name left
  }}
}}
"""
    host.run("nft", "-f", "-", stdin=counted)


@dataclass(frozen=True)
class Wires:
    """The hosts: two nodes of one site, and somebody else on the private wire."""

    nodes: tuple[Host, Host]
    stranger: Host

    def through(self, made: Material, size: int) -> bool:
        """Whether twenty whole packets of a size pass between the nodes, on the plane."""
        at = made.plan.node(self.nodes[1].name).addresses["management"].v4
        echo = ("-M", "do", "-s", str(size - 28), "-c", "20", "-i", "0.02", "-W", "2", at)
        return self.nodes[0].try_("ping", "-q", *echo)

    def settled(self, made: Material) -> None:
        """Wait until the nodes hear each other."""
        end = time.monotonic() + _WAIT
        while not self.through(made, 100):
            assert time.monotonic() < end, "no packet passes"


@contextmanager
def wires(made: Material) -> Iterator[Wires]:
    """The wires, with the nodes calling each other as these bundles say."""
    program = tools.need("wireguard-go")
    with ExitStack() as stack:
        hosts = [_host(name) for name in ("core", "fsn-a", "fsn-b", "stranger")]
        for host in hosts:
            stack.callback(host.end)
        core, *nodes, stranger = hosts
        for interface in (PUBLIC, PRIVATE):
            core.run("ip", "link", "add", f"br-{interface}", "type", "bridge")
            core.run("ip", "link", "set", f"br-{interface}", "up")
        here = ", ".join(str(made.cards[node.name].endpoint) for node in nodes)
        for number, host in enumerate(nodes):
            _wire(core, host, PUBLIC, f"{made.cards[host.name].endpoint}/24", here)
            _wire(core, host, PRIVATE, f"172.16.1.{number + 2}/24", here)
            host.start(program, "-f", PLANE)
            at = made.plan.node(host.name).addresses["management"].v4
            end = time.monotonic() + _WAIT
            while not host.try_("wg", "show", PLANE):
                assert time.monotonic() < end, "wireguard-go does not come up"
                time.sleep(0.05)
            host.run("ip", "address", "add", f"{at}/16", "dev", PLANE)
            host.configure(made)
            host.run("nft", "-f", "-", stdin=ruleset(made.plan, host.name))
            listening = host.start(sys.executable, "-c", _LISTEN)
            assert listening.stdout
            assert listening.stdout.readline() == "ready\n"
        _wire(core, stranger, PRIVATE, "172.16.1.9/24", here)
        yield Wires((nodes[0], nodes[1]), stranger)
