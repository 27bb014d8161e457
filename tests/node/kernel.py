"""Kernel, daemons and systemd of a machine in memory, as their programs show them.

Only what the tool asks for; a program it does not know fails the test.
"""

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from node import wireguard
from node.commands import Commands, Result
from node.layout import Layout
from tests.node.daemons import APT_SAYS, OF_ROLES, Daemons
from tests.node.people import People
from tests.node.recipe import HELD, public


class Kernel(Daemons, People, Commands):
    """Answers the tool's programs from a state in memory, and keeps every command line."""

    def __init__(self, root: Path) -> None:
        super().__init__(Layout(root=root))
        self.links: dict[str, wireguard.Interface] = {}
        self.firewall = ""
        self.host_key = ""
        self.timers: dict[str, list[str]] = {}
        self.routes: list[dict[str, str]] = []
        self.log: list[list[str]] = []
        self.stdin = ""
        self.shown: dict[str, str] = {}
        self.held: list[str] = []
        self.sockets: list[str] = []
        self.refuse: Callable[[Sequence[str]], str | None] = lambda _: None
        self.before_each: Callable[[], None] = lambda: None

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Do what the program would do."""
        del timeout
        self.stdin = stdin
        self.before_each()
        self.log.append(list(argv))
        if reason := self.refuse(argv):
            return Result(code=1, out="", err=reason)
        if argv[0] == "ssh":
            shown = self.shown.get(argv[-1].partition("@")[2])
            said = "timed out" if shown is None else f"{shown}Permission denied (publickey)."
            return Result(code=255, out="", err=said)
        if argv[0] == "ssh-keygen":
            done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False)
            return Result(code=done.returncode, out=done.stdout, err=done.stderr)
        handler = getattr(self, f"_{Path(argv[0]).name.replace('-', '_')}")
        out = handler(list(argv[1:]))
        said = "no" if "apt-get" not in argv else APT_SAYS["install" in argv]
        return Result(code=1, out="", err=said) if out is None else Result(code=0, out=out, err="")

    def touched(self) -> list[list[str]]:
        """The command lines that change something."""
        reading = (["wg", "show"], ["ip", "-json"], ["ip", "link", "show"], ["wg-quick"],
                   ["nft", "--check"], ["nft", "--stateless"], ["unshare"],
                   ["systemctl", "show"], ["dpkg-query"])  # fmt: skip
        return [
            argv
            for argv in self.log
            if not any(argv[: len(start)] == start for start in reading)
            and "-t" not in argv
            and "reset-failed" not in argv
        ]

    def boot(self) -> None:
        """Forget what a power cut forgets, then start what boot starts."""
        self.links, self.firewall, self.timers, self.held = {}, "", {}, []
        self.known, self.daemons = {}, {}
        for path in sorted(self.layout.run.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        self.layout.run.mkdir(parents=True, exist_ok=True)
        self.layout.active.symlink_to(self.layout.confirmed)
        self._nft(["--file", str(self.layout.active / "nftables.nft")])
        for link in sorted(self.layout.boot_units.glob("wg-quick@*")):
            self._start(link.name)
        self._reload_sshd()
        self.start_units()

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
        verb, *units = [word for word in argv if not word.startswith("-")]
        if verb == "show" and not units:
            return "0\n"
        units = self.matching(units)
        if verb == "show":
            shown = "\n".join(self._show(unit) for unit in units)
            if "--value" not in argv:
                return shown
            (asked,) = [word.partition("=")[2] for word in argv if word.startswith("--property=")]
            return "".join(re.findall(rf"^{asked}=(.*\n)", shown, re.MULTILINE))
        if verb == "daemon-reload":
            self.read_units()
        done = [self._told(verb, unit) for unit in units]
        return None if None in done else ""

    def _told(self, verb: str, unit: str) -> str | None:
        wants = self.layout.boot_units
        if verb in {"enable", "disable"}:
            wants.mkdir(parents=True, exist_ok=True)
            (wants / unit).unlink(missing_ok=True)
            if verb == "enable":
                (wants / unit).symlink_to("/usr/lib/systemd/system/wg-quick@.service")
        elif verb == "unmask":
            (self.layout.at("/etc/systemd/system") / unit).unlink(missing_ok=True)
        elif verb == "restart" and unit.startswith("wg-quick@"):
            return self._start(unit)
        elif OF_ROLES.match(unit) and verb in {"restart", "try-restart", "stop"}:
            return self.daemon(verb, unit)
        elif verb == "reload-or-restart":
            self._reload_sshd()
        elif verb == "stop":
            self.timers.pop(unit.removesuffix(".timer"), None)
            self.links.pop(unit.removeprefix("wg-quick@").removesuffix(".service"), None)
        return ""

    def _show(self, unit: str) -> str:
        state = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
        ours = unit.startswith(("backplane-", "ssh.", "wg-quick@"))
        if unit in {"ssh.socket", "backplane-first-boot.service"} or not ours:
            state |= {"ActiveState": "inactive", "UnitFileState": "disabled"}
        if unit.startswith("wg-quick@") and not (self.layout.boot_units / unit).is_symlink():
            state["UnitFileState"] = "disabled"
        state |= self.role_unit(unit)
        told = {"Id": unit, "MainPID": "0", "DropInPaths": "", **state, **self.units.get(unit, {})}
        return "".join(f"{name}={value}\n" for name, value in told.items())

    def _systemd_run(self, argv: list[str]) -> str:
        unit = next(word.partition("=")[2] for word in argv if word.startswith("--unit="))
        self.timers[unit] = argv[argv.index(str(self.layout.tool)) + 1 :]
        return ""

    def _unshare(self, argv: list[str]) -> str:
        assert argv[0] == "--net"
        there = self.firewall, self.held
        self._nft(["--file", "-"])
        listing = self._listing(self.firewall, self.held)
        self.firewall, self.held = there
        return listing

    @staticmethod
    def _listing(firewall: str, held: list[str]) -> str:
        return f"{firewall}held {' '.join(sorted(held))}\n"

    def _nft(self, argv: list[str]) -> str:
        if "list" in argv:
            return self._listing(self.firewall, self.held)
        text = self.stdin if argv[-1] == "-" else Path(argv[-1]).read_text(encoding="utf-8")
        if "--check" in argv:
            return ""
        whole = "delete table" in text
        if whole:
            self.firewall, _, _ = text.partition("flush set")
            self.held = ["operators"] if HELD in text else []
        if "flush set" in text:
            self.held = re.findall(r"add element \S+ \S+ \S+ { (\S+) }", text)
        return ""

    def _ss(self, argv: list[str]) -> str:
        assert argv == ["-H", "-lntup"]
        return "\n".join(self.sockets)

    def _sshd(self, argv: list[str]) -> str | None:
        assert argv == ["-t"] or Path(argv[-1]).exists()
        return ""

    def _wg_quick(self, argv: list[str]) -> str:
        return Path(argv[-1]).read_text(encoding="utf-8")

    def _ip(self, argv: list[str]) -> str | None:
        if "route" in argv:
            return self._route(argv)
        if argv == ["-json", "address", "show"]:
            return json.dumps([_address(name, link) for name, link in self.links.items()])
        if argv == ["-json", "-details", "link"]:
            return "[]"
        name = argv[-1] if argv[-2] == "dev" else argv[argv.index("dev") + 1]
        if argv[:2] == ["link", "show"]:
            return "" if name in self.links else None
        link = self.links[name]
        if argv[0] == "-json":
            return json.dumps([_address(name, link)])
        if argv[:2] == ["link", "del"]:
            del self.links[name]
        elif argv[:2] == ["link", "set"]:
            self.links[name] = replace(link, mtu=int(argv[-1]))
        elif argv[:2] == ["address", "add"]:
            self.links[name] = replace(link, addresses=link.addresses | {argv[2]})
        elif argv[:2] == ["address", "del"]:
            self.links[name] = replace(link, addresses=link.addresses - {argv[2]})
        return ""

    def _route(self, argv: list[str]) -> str:
        family = argv[1] if argv[0] == "-json" else argv[0]
        if argv[0] == "-json":
            own = [
                {"dst": wireguard.prefix(address), "dev": name, "protocol": "kernel"}
                for name, link in self.links.items()
                for address in link.addresses
            ]
            wanted = family == "-6"
            return json.dumps([r for r in [*own, *self.routes] if (":" in r["dst"]) == wanted])
        if argv[2] == "del":
            self.routes = [route for route in self.routes if route["dst"] != argv[3]]
        return ""

    def _wg(self, argv: list[str]) -> str:
        if argv == ["show", "all", "dump"]:
            return "".join(
                f"{name}\t{line}\n"
                for name, link in sorted(self.links.items())
                for line in dump(link).splitlines()
            )
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


def _address(name: str, link: wireguard.Interface) -> dict[str, object]:
    told = [
        {"local": text.partition("/")[0], "prefixlen": int(text.partition("/")[2])}
        for text in sorted(link.addresses)
    ]
    return {"ifname": name, "mtu": link.mtu, "flags": ["UP"], "addr_info": told}


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
