"""Two network namespaces with a real WireGuard pair: one side is the tool's, one stands still."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node import bundle, generations, verbs
from node.commands import Commands, Result
from node.layout import ACTIVE, Layout
from node.machine import Machine
from tests.node.model import FakeJournal, settle
from tests.node.recipe import FIREWALL, encode, key, name_of

# Control sockets of wireguard-go share one directory, and namespaces another: each run has its own.
OURS, THEIRS, EXTRA = (f"wg-{side}{os.getpid()}" for side in ("na", "nb", "nx"))
HERE, THERE = (f"bp-test-{side}-{os.getpid()}" for side in ("na", "nb"))
PORT = 51821
_OFF = {"ssh.socket", "backplane-first-boot.service"}


def public_key(private: str) -> str:
    """The real public key of a private one."""
    done = subprocess.run(
        ["wg", "pubkey"], input=private, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def private_key(name: str) -> str:
    """A real private key of its own for each name."""
    import base64  # noqa: PLC0415 - only here

    raw = X25519PrivateKey.from_private_bytes(base64.b64decode(key(name))).private_bytes_raw()
    return base64.b64encode(raw).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """What the tool's side is told.

    Attributes:
        psk: Pre-shared key by peer name; a peer is there when it has an entry, None is no key.
        mtu: Of the interface.
        second: A second address of the interface, if any.
        extra: Whether there is a second interface.
        note: Makes the firewall differ.
    """

    psk: Mapping[str, str | None] = field(
        default_factory=lambda: {"b": key("b"), "ghost": key("g")}
    )
    mtu: int = 1420
    second: str | None = None
    extra: bool = False
    note: str = ""

    def document(self) -> dict[str, Any]:
        """The bundle before it is hashed; keys stand in the text."""
        names = [OURS, EXTRA] if self.extra else [OURS]
        files, interfaces, mesh = [], {}, {}
        for place, name in enumerate(names):
            addresses = [f"10.20{place + 1}.1.1/16", f"fd00:0:0:{place + 1}::1/56"]
            addresses += [self.second] if self.second and name == OURS else []
            lines = ["[Interface]", f"Address = {', '.join(addresses)}", f"MTU = {self.mtu}"]
            lines += [f"ListenPort = {PORT + place}", f"PrivateKey = {private_key('a')}"]
            peers = []
            for number, (peer, psk) in enumerate(sorted(self.psk.items())):
                public = public_key(private_key(peer))
                v4 = f"10.20{place + 1}.1.{number + 2}"
                v6 = f"fd00:0:0:{place + 1}::{number + 2}"
                lines += ["", "[Peer]", f"PublicKey = {public}"]
                lines += [f"PresharedKey = {psk}"] if psk else []
                lines += [f"AllowedIPs = {v4}/32, {v6}/128", f"Endpoint = 198.51.100.2:{PORT}"]
                row = {"name": peer, "key": "1.2", "kind": "node", "v4": v4, "v6": v6}
                peers.append({**row, "public": public})
            text = "\n".join([*lines, ""])
            files.append({"path": f"wireguard/{name}.conf", "mode": "0600", "text": text})
            stated = {"slot": name, "port": PORT + place, "mtu": self.mtu}
            interfaces[name] = {**stated, "addresses": addresses, "peers": len(peers)}
            mesh[name] = peers
        texts = dict.fromkeys(bundle.REQUIRED, "")
        texts["nftables.nft"] = f"# {self.note}\n{FIREWALL}"
        texts["sshd.conf"] = f"HostKey {ACTIVE}/ssh_host_ed25519_key\n"
        files += [{"path": p, "mode": "0600", "text": text} for p, text in texts.items()]
        return {
            "format": 1,
            "node": "a",
            "incarnation": 1,
            "files": files,
            "interfaces": interfaces,
            "mesh": mesh,
            "keys": "",
        }

    @property
    def generation(self) -> str:
        """Its name."""
        return name_of(self.document())

    def encode(self) -> str:
        """The text that goes to stdin."""
        return encode(self.document())


class Inside(Commands):
    """Real programs inside the tool's namespace, and what systemd would do, which is not there."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.log: list[list[str]] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Run a program in the namespace."""
        self.log.append(list(argv))
        if argv[0].endswith("sshd") or argv[0] == "systemd-run":
            return Result(code=0, out="", err="")
        if argv[1:2] == ["show"] and argv[0] == "systemctl":
            state = "ActiveState=active\nUnitFileState=enabled\n"
            units = [word for word in argv[2:] if word.endswith((".service", ".socket"))]
            off = "ActiveState=inactive\nUnitFileState=disabled\n"
            told = (f"Id={u}\n{off if u in _OFF else state}" for u in units)
            return Result(code=0, out="\n".join(told), err="")
        if argv[0] == "systemctl":
            name = argv[-1].removeprefix("wg-quick@").removesuffix(".service")
            if argv[1] not in {"restart", "stop"} or name == argv[-1]:
                return Result(code=0, out="", err="")
            file = self.layout.active / "wireguard" / f"{name}.conf"
            argv = ["wg-quick", "up" if argv[1] == "restart" else "down", str(file)]
        return super().run(["ip", "netns", "exec", HERE, *argv], stdin=stdin, timeout=timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both sides, up and shaken hands.

    Attributes:
        machine: The tool's side.
        uapi: Where wireguard-go of the tool's side writes what it is told.
    """

    machine: Machine
    uapi: Path

    @property
    def commands(self) -> Inside:
        """The tool's programs."""
        assert isinstance(self.machine.commands, Inside)
        return self.machine.commands

    def told(self) -> list[str]:
        """What wireguard-go has been told to change so far."""
        return [
            line for line in self.uapi.read_text(encoding="utf-8").splitlines() if "UAPI" in line
        ]

    def dump(self) -> dict[str, list[str]]:
        """The live peers: public key to psk, endpoint, prefixes, keepalive."""
        text = run(HERE, "wg", "show", OURS, "dump")
        rows = (line.split("\t") for line in text.splitlines()[1:])
        return {row[0]: [*row[1:4], row[7]] for row in rows}

    def change(self, mesh: Mesh) -> list[str]:
        """A whole rollout on this side; returns what the flip touched."""
        about = self.flip(mesh)
        verbs.confirm(self.machine, about)
        touched: list[str] = about["touched"]
        return touched

    def flip(self, mesh: Mesh) -> dict[str, Any]:
        """A rollout up to the flip."""
        from node import staging  # noqa: PLC0415 - only here

        staging.stage(self.machine, mesh.encode())
        about = {"lease": "x", "generation": mesh.generation}
        verbs.take_lease(self.machine, {"id": "x", "seconds": 600})
        verbs.arm(self.machine, {**about, "seconds": 120})
        verbs.prepare(self.machine, about)
        return {**about, **verbs.flip(self.machine, about)}


def run(namespace: str, *argv: str) -> str:
    """Run a program in a namespace and return what it prints."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, *argv],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout


@contextlib.contextmanager
def pinging(seconds: float = 4) -> Iterator[list[int]]:
    """Ping the other side 50 times a second; the list then holds how many were sent and lost."""
    count = int(seconds * 50)
    argv = ["ping", "-n", "-q", "-i", "0.02", "-c", str(count), "-W", "2", "10.201.1.2"]
    counted: list[int] = []
    with subprocess.Popen(
        ["ip", "netns", "exec", HERE, *argv], stdout=subprocess.PIPE, text=True
    ) as process:
        time.sleep(0.3)
        yield counted
        text = process.communicate(timeout=60)[0]
    sent, received = re.findall(r"(\d+) packets transmitted, (\d+) received", text)[0]
    counted += [int(sent), int(sent) - int(received)]


@contextlib.contextmanager
def made(root: Path) -> Iterator[Pair]:
    """Make the pair, and remove everything of it at the end."""
    remove()
    processes: list[subprocess.Popen[bytes]] = []
    uapi = root / "uapi.log"
    try:
        for namespace in (HERE, THERE):
            subprocess.run(["ip", "netns", "add", namespace], check=True)
            run(namespace, "ip", "link", "set", "lo", "up")
        veth = ["ip", "link", "add", "eth0", "netns", HERE, "type", "veth", "peer", "name", "eth0"]
        subprocess.run([*veth, "netns", THERE], check=True)
        for number, (namespace, name) in enumerate(((HERE, OURS), (THERE, THEIRS)), 1):
            run(namespace, "ip", "address", "add", f"198.51.100.{number}/24", "dev", "eth0")
            run(namespace, "ip", "link", "set", "eth0", "up")
            with (uapi if namespace == HERE else root / "other.log").open("wb") as log:
                argv = ["ip", "netns", "exec", namespace, "wireguard-go", "--foreground", name]
                processes.append(
                    subprocess.Popen(
                        argv, stdout=log, stderr=log, env={**os.environ, "LOG_LEVEL": "verbose"}
                    )
                )
            until = time.monotonic() + 10
            while not Path(f"/var/run/wireguard/{name}.sock").exists():
                assert time.monotonic() < until, "wireguard-go did not start"
                time.sleep(0.02)
        _stand_still(root)
        yield Pair(machine=_tool_side(root), uapi=uapi)
    finally:
        for process in processes:
            process.terminate()
            process.wait(timeout=10)
        remove()


def remove() -> None:
    """Remove what this or an interrupted earlier run left; interfaces go with their namespace."""
    spaces = Path("/run/netns").glob("bp-test-n[ab]-*")
    left = [one.name for one in spaces if not Path("/proc", one.name.rpartition("-")[2]).exists()]
    for namespace in (HERE, THERE, *left):
        subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)


def _stand_still(root: Path) -> None:
    text = (
        f"[Interface]\nListenPort = {PORT}\nPrivateKey = {private_key('b')}\n[Peer]\n"
        f"PublicKey = {public_key(private_key('a'))}\nPresharedKey = {key('b')}\n"
        f"AllowedIPs = 10.201.1.1/32, fd00:0:0:1::1/128\n"
    )
    file = root / "b.conf"
    file.write_text(text, encoding="ascii")
    run(THERE, "wg", "setconf", THEIRS, str(file))
    run(THERE, "ip", "address", "add", "10.201.1.2/16", "dev", THEIRS)
    run(THERE, "ip", "address", "add", "fd00:0:0:1::2/56", "dev", THEIRS, "nodad")
    run(THERE, "ip", "link", "set", THEIRS, "up")


def _tool_side(root: Path) -> Machine:
    layout = Layout(root=root / "machine")
    machine = Machine(layout=layout, commands=Inside(layout), journal=FakeJournal())
    first = Mesh()
    layout.boot_units.mkdir(parents=True)
    layout.hosts.parent.mkdir(parents=True, exist_ok=True)
    settle(layout)
    for name in (OURS, EXTRA):
        layout.wireguard_link(name).symlink_to(f"{ACTIVE}/wireguard/{name}.conf")
    generation = generations.write(machine, bundle.decode(first.encode()))
    generations.confirm(machine, generation.name)
    machine.ensure_run()
    layout.active.symlink_to(layout.confirmed)
    stripped = run(HERE, "wg-quick", "strip", str(generation.file(f"wireguard/{OURS}.conf")))
    file = root / "a.conf"
    file.write_text(stripped, encoding="ascii")
    run(HERE, "wg", "setconf", OURS, str(file))
    for address in ("10.201.1.1/16", "fd00:0:0:1::1/56"):
        run(HERE, "ip", "address", "add", address, "dev", OURS)
    run(HERE, "ip", "link", "set", "mtu", "1420", "up", "dev", OURS)
    run(HERE, "nft", "-f", str(generation.file("nftables.nft")))
    until = time.monotonic() + 20
    ping = ["ip", "netns", "exec", HERE, "ping", "-c", "1", "-W", "1", "10.201.1.2"]
    while subprocess.run(ping, check=False, capture_output=True).returncode:
        assert time.monotonic() < until, "the pair did not shake hands"
    return machine
