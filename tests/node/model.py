"""A machine in memory for the node tool: kernel, daemons and systemd as its programs show them.

Only what the tool asks for; a program it does not know fails the test. Files are real, below a
directory of the test's own.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from node import wireguard
from node.clock import Clock
from node.commands import Commands, Result
from node.disk import Disk
from node.layout import ACTIVE, Layout
from node.machine import Journal, Machine

FIREWALL = "table inet backplane\ndelete table inet backplane\ntable inet backplane {}\n"


def key(name: str) -> str:
    """A key of its own for each name, base64."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def public(private: str) -> str:
    """Stands for the public key of a private one; no test here needs the curve."""
    return key(f"public of {private}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a test's bundle holds.

    Attributes:
        node: Whom it is for.
        incarnation: Which server.
        peers: By interface: names of the peers.
        epoch: Part of every key of the node.
        renewed: Names of peers with another pre-shared key.
        extra: Text that makes the firewall, sshd's and the hosts' files differ.
    """

    node: str = "a"
    incarnation: int = 1
    peers: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"wg0": ("runner",), "wg1": ("runner", "b")}
    )
    epoch: int = 1
    renewed: frozenset[str] = frozenset()
    extra: str = ""

    def private(self, interface: str) -> str:
        """The node's private key on ``interface``."""
        return wireguard.clamp(key(f"{self.node} {interface} {self.epoch}"))

    def config(self, interface: str) -> tuple[str, list[str]]:
        """The wg-quick file with placeholders, and the keys they stand for."""
        number = int(interface.removeprefix("wg"))
        keys = [self.private(interface)]
        lines = [
            "[Interface]",
            f"Address = 10.20{number}.1.1/16",
            f"Address = fd00:0:0:{number}::1/56",
            "MTU = 1420",
            f"ListenPort = {51820 + number}",
            "PrivateKey = @K0@",
        ]
        for place, name in enumerate(self.peers[interface]):
            psk = key(f"psk {name} {interface} {name in self.renewed}")
            keys += [key(f"peer {name} {interface}"), psk]
            lines += [
                "",
                f"# {name}",
                "[Peer]",
                f"PublicKey = @K{2 * place + 1}@",
                f"PresharedKey = @K{2 * place + 2}@",
                f"AllowedIPs = {self.v4(interface, name)}/32, {self.v6(interface, name)}/128",
            ]
            if name != "runner":
                lines += [f"Endpoint = 198.51.100.{20 + ord(name[0]) % 97}:{51820 + number}"]
                lines += ["PersistentKeepalive = 25"]
        return "\n".join([*lines, ""]), keys

    def v4(self, interface: str, name: str) -> str:
        """A peer's address, which follows from its name."""
        return f"10.20{interface[-1]}.2.{1 + hashlib.sha256(name.encode()).digest()[0] % 250}"

    def v6(self, interface: str, name: str) -> str:
        """A peer's address, which follows from its name."""
        return f"fd00:0:0:{interface[-1]}::2:{self.v4(interface, name).rpartition('.')[2]}"

    def document(self) -> dict[str, Any]:
        """The bundle before it is hashed."""
        table: list[str] = []
        files: list[dict[str, str]] = []
        mesh: dict[str, list[dict[str, str]]] = {}
        for interface in sorted(self.peers):
            text, keys = self.config(interface)
            for place in reversed(range(len(keys))):
                text = text.replace(f"@K{place}@", f"@K{place + len(table)}@")
            mesh[interface] = [
                {
                    "name": name,
                    "key": "2.1",
                    "kind": "runner" if name == "runner" else "node",
                    "v4": self.v4(interface, name),
                    "v6": self.v6(interface, name),
                    "public": f"@K{len(table) + 2 * place + 1}@",
                }
                for place, name in enumerate(self.peers[interface])
            ]
            table += keys
            files.append({"path": f"wireguard/{interface}.conf", "mode": "0600", "text": text})
        texts = {
            "authorized_keys": "ssh-ed25519 AAAA runner\n",
            "hosts": f"10.201.2.1 b{self.extra}\n",
            "nftables.nft": f"# {self.extra}\n{FIREWALL}",
            "ssh_host_ed25519_key": f"host key of {self.node} {self.incarnation}\n",
            "sshd.conf": f"# {self.extra}\nHostKey {ACTIVE}/ssh_host_ed25519_key\n",
            "sysctl.conf": "net.ipv4.ip_nonlocal_bind = 1\n",
        }
        public_ones = {"hosts", "sshd.conf", "sysctl.conf"}
        files += [
            {"path": path, "mode": "0644" if path in public_ones else "0600", "text": text}
            for path, text in texts.items()
        ]
        return {
            "format": 1,
            "node": self.node,
            "incarnation": self.incarnation,
            "files": sorted(files, key=lambda entry: entry["path"]),
            "interfaces": {
                name: {
                    "slot": name,
                    "port": 51820 + int(name[-1]),
                    "mtu": 1420,
                    "addresses": [f"10.20{name[-1]}.1.1/16", f"fd00:0:0:{name[-1]}::1/56"],
                    "peers": len(peers),
                }
                for name, peers in self.peers.items()
            },
            "mesh": mesh,
            "keys": base64.b64encode(b"".join(base64.b64decode(entry) for entry in table)).decode(),
        }

    @property
    def generation(self) -> str:
        """Its name."""
        return name_of(self.document())

    def encode(self) -> str:
        """The text that goes to stdin."""
        return encode(self.document())


def name_of(document: Mapping[str, Any]) -> str:
    """The generation a document hashes to."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode(document: Mapping[str, Any], generation: str | None = None) -> str:
    """Pack a document; with a generation of one's own, also a wrong one."""
    whole = {**document, "generation": generation or name_of(document)}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return base64.encodebytes(zlib.compress(text.encode())).decode()


class FakeClock(Clock):
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now_ns(self) -> int:
        """Nanoseconds."""
        return int(self.time * 1e9)

    def seconds(self) -> float:
        """Seconds."""
        return self.time

    def wall(self) -> int:
        """Seconds since 1970."""
        return 1_700_000_000 + int(self.time)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += max(0.0, seconds)


class FakeJournal(Journal):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keep one line."""
        self.lines.append(text)


@dataclass(slots=True)
class Link:
    """A live WireGuard interface."""

    interface: wireguard.Interface


class Kernel(Commands):
    """Answers the tool's programs from a state in memory, and keeps every command line."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root=root)
        self.links: dict[str, wireguard.Interface] = {}
        self.firewall = ""
        self.host_key = ""
        self.timers: dict[str, list[str]] = {}
        self.log: list[list[str]] = []
        self.refuse: Callable[[Sequence[str]], str | None] = lambda _: None
        self.before_each: Callable[[], None] = lambda: None

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Do what the program would do."""
        del stdin, timeout
        self.before_each()
        self.log.append(list(argv))
        if reason := self.refuse(argv):
            return Result(code=1, out="", err=reason)
        handler = getattr(self, f"_{Path(argv[0]).name.replace('-', '_')}")
        out = handler(list(argv[1:]))
        return Result(code=1, out="", err="no") if out is None else Result(code=0, out=out, err="")

    def touched(self) -> list[list[str]]:
        """The command lines that change something."""
        reading = (["wg", "show"], ["ip", "-json"], ["ip", "link", "show"], ["wg-quick"],
                   ["nft", "--check"])  # fmt: skip
        return [
            argv
            for argv in self.log
            if not any(argv[: len(start)] == start for start in reading)
            and "-t" not in argv
            and "reset-failed" not in argv
        ]

    def boot(self) -> None:
        """Forget what a power cut forgets, then start what boot starts."""
        self.links, self.firewall, self.timers = {}, "", {}
        for path in sorted(self.layout.run.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        self.layout.run.mkdir(parents=True, exist_ok=True)
        self.layout.active.symlink_to(self.layout.confirmed)
        self._nft(["--file", str(self.layout.active / "nftables.nft")])
        for unit in sorted(self.layout.boot_units.glob("wg-quick@*")):
            self._start(unit.name)
        self._reload_sshd()

    def _reload_sshd(self) -> None:
        self.host_key = (self.layout.active / "ssh_host_ed25519_key").read_text(encoding="utf-8")

    def _start(self, unit: str) -> str | None:
        name = unit.removeprefix("wg-quick@").removesuffix(".service")
        file = self.layout.active / "wireguard" / f"{name}.conf"
        if not self.layout.wireguard_link(name).is_symlink() or not file.exists():
            return None
        self.links[name] = wireguard.parse(file.read_text(encoding="utf-8"), name=name)
        return ""

    def _systemctl(self, argv: list[str]) -> str | None:
        verb, units = argv[0], [word for word in argv[1:] if not word.startswith("-")]
        wants = self.layout.boot_units
        for unit in units:
            if verb in {"enable", "disable"}:
                wants.mkdir(parents=True, exist_ok=True)
                (wants / unit).unlink(missing_ok=True)
                if verb == "enable":
                    (wants / unit).symlink_to("/usr/lib/systemd/system/wg-quick@.service")
            elif verb == "restart" and self._start(unit) is None:
                return None
            elif verb == "reload-or-restart":
                self._reload_sshd()
            elif verb == "stop" and unit.endswith(".timer"):
                self.timers.pop(unit.removesuffix(".timer"), None)
            elif verb == "stop":
                self.links.pop(unit.removeprefix("wg-quick@").removesuffix(".service"), None)
        return ""

    def _systemd_run(self, argv: list[str]) -> str:
        unit = next(word.partition("=")[2] for word in argv if word.startswith("--unit="))
        self.timers[unit] = argv[argv.index(str(self.layout.tool)) + 1 :]
        return ""

    def _nft(self, argv: list[str]) -> str:
        text = Path(argv[-1]).read_text(encoding="utf-8")
        if "--check" not in argv:
            self.firewall = text
        return ""

    def _sshd(self, argv: list[str]) -> str:
        assert Path(argv[-1]).exists()
        return ""

    def _wg_quick(self, argv: list[str]) -> str:
        return Path(argv[-1]).read_text(encoding="utf-8")

    def _ip(self, argv: list[str]) -> str | None:
        name = argv[-1] if argv[-2] == "dev" else argv[argv.index("dev") + 1]
        if argv[:2] == ["link", "show"]:
            return "" if name in self.links else None
        link = self.links[name]
        if argv[0] == "-json":
            told = [
                {"local": text.partition("/")[0], "prefixlen": int(text.partition("/")[2])}
                for text in sorted(link.addresses)
            ]
            return json.dumps([{"ifname": name, "mtu": link.mtu, "addr_info": told}])
        if argv[:2] == ["link", "del"]:
            del self.links[name]
        elif argv[:2] == ["link", "set"]:
            self.links[name] = replace(link, mtu=int(argv[-1]))
        elif argv[:2] == ["address", "add"]:
            self.links[name] = replace(link, addresses=link.addresses | {argv[2]})
        elif argv[:2] == ["address", "del"]:
            self.links[name] = replace(link, addresses=link.addresses - {argv[2]})
        return ""

    def _wg(self, argv: list[str]) -> str:
        if argv == ["show", "interfaces"]:
            return " ".join(sorted(self.links)) + "\n"
        if argv[0] == "show":
            return dump(self.links[argv[1]])
        self._wg_set(argv[1], argv[2:])
        return ""

    def _wg_set(self, name: str, words: list[str]) -> None:
        link = self.links[name]
        peers = dict(link.peers)
        at = ""
        while words:
            word = words.pop(0)
            if word == "remove":
                peers.pop(at, None)
                continue
            value = words.pop(0)
            if word == "peer":
                at = value
                peers.setdefault(at, wireguard.Peer(public=at))
            elif word == "private-key":
                link = replace(link, private=Path(value).read_text(encoding="ascii").strip())
            elif word == "listen-port":
                link = replace(link, port=int(value))
            elif word == "preshared-key":
                psk = Path(value).read_text(encoding="ascii").strip() or None
                peers[at] = replace(peers[at], psk=psk)
            elif word == "endpoint":
                peers[at] = replace(peers[at], endpoint=value)
            elif word == "persistent-keepalive":
                peers[at] = replace(peers[at], keepalive=int(value))
            else:
                assert word == "allowed-ips"
                allowed = frozenset(part for part in value.split(",") if part)
                # A prefix belongs to one peer: WireGuard takes it from the other.
                peers = {
                    other: replace(peer, allowed=peer.allowed - allowed)
                    for other, peer in peers.items()
                }
                peers[at] = replace(peers[at], allowed=allowed)
        self.links[name] = replace(link, peers=peers)


def dump(link: wireguard.Interface) -> str:
    """An interface as ``wg show IF dump`` prints it."""
    rows = [[link.private, public(link.private), str(link.port), "off"]]
    rows += [
        [
            peer.public,
            peer.psk or "(none)",
            peer.endpoint or "(none)",
            ",".join(sorted(peer.allowed)) or "(none)",
            "0",
            "0",
            "0",
            str(peer.keepalive or "off"),
        ]
        for peer in link.peers.values()
    ]
    return "".join("\t".join(row) + "\n" for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A machine in memory and the parts of it that a test looks into."""

    machine: Machine
    kernel: Kernel
    clock: FakeClock
    journal: FakeJournal

    @property
    def layout(self) -> Layout:
        """Its paths."""
        return self.machine.layout

    def confirmed(self) -> str:
        """What boot would read."""
        return self.layout.confirmed.resolve().name

    def with_disk(self, disk: Disk) -> Machine:
        """The same machine, writing through another disk."""
        return replace(self.machine, disk=disk)


def born(root: Path) -> Box:
    """A machine as user-data leaves it: generation 0 is confirmed and live."""
    layout = Layout(root=root)
    first = layout.generation("0")
    (first / "wireguard").mkdir(parents=True)
    recipe = Recipe(peers={"wg0": ("runner",)}, epoch=0, renewed=frozenset({"runner"}))
    text, keys = recipe.config("wg0")
    for place in reversed(range(len(keys))):
        text = text.replace(f"@K{place}@", keys[place])
    (first / "wireguard" / "wg0.conf").write_text(text, encoding="ascii")
    (first / "nftables.nft").write_text(FIREWALL, encoding="ascii")
    (first / "sshd.conf").write_text("# one time\n", encoding="ascii")
    (first / "ssh_host_ed25519_key").write_text("one-time host key\n", encoding="ascii")
    layout.confirmed.symlink_to("generations/0")
    for directory in (layout.run, layout.wireguard, layout.boot_units, layout.hosts.parent):
        directory.mkdir(parents=True, exist_ok=True)
    for number in range(4):
        layout.wireguard_link(f"wg{number}").symlink_to(f"{ACTIVE}/wireguard/wg{number}.conf")
    (layout.boot_units / "wg-quick@wg0.service").symlink_to("/usr/lib/wg-quick@.service")
    layout.hosts.write_text("127.0.0.1 localhost\n", encoding="ascii")
    setting = layout.settings / "net/ipv4/ip_nonlocal_bind"
    setting.parent.mkdir(parents=True)
    setting.write_text("1\n", encoding="ascii")
    return booted(root)


def booted(root: Path) -> Box:
    """A machine that boots from the disk below ``root``."""
    kernel, clock, journal = Kernel(root), FakeClock(), FakeJournal()
    layout = Layout(root=root)
    machine = Machine(layout=layout, commands=kernel, clock=clock, journal=journal)
    kernel.boot()
    return Box(machine=machine, kernel=kernel, clock=clock, journal=journal)
