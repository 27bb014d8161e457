"""Bundles of a test's own: what they hold follows from a few names."""

import base64
import hashlib
import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node import wireguard
from node.accounts import RULES
from node.layout import ACTIVE
from node.passwd import FILE, uid_of

AHEAD = "/etc/sight/sight.d/backplane.conf"
HELD = "\tset held4 {\n"
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
        was: The node's name before, if it is being renamed.
        renewed: Names of peers with another pre-shared key.
        extra: Text that makes the firewall, sshd's and the hosts' files differ.
        push: The key that the runner comes with.
        roles: By role: the text of its file. `sight` is a daemon, `dust` has a timer.
        hidden: By role: the text of its secret file, if it has one.
        settings: Further lines of the kernel's settings.
        console: The file with the console's password, if there is one.
        rereads: Roles whose units say that they read their file anew by themselves.
        until: By name, the second from which somebody is let in no more.
        logins: Users with an account of their own, of which the first may do something as root.
    """

    node: str = "a"
    incarnation: int = 1
    peers: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"wg0": ("runner",), "wg1": ("runner", "b")}
    )
    epoch: int = 1
    was: str = ""
    renewed: frozenset[str] = frozenset()
    extra: str = ""
    push: str = "ssh-ed25519 AAAA"
    roles: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    rereads: frozenset[str] = frozenset()
    until: Mapping[str, int] = field(default_factory=dict)
    console: str = ""
    logins: tuple[str, ...] = ()

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
                    "kind": {"runner": "runner", "alice": "operator"}.get(name, "node"),
                    "v4": self.v4(interface, name),
                    "v6": self.v6(interface, name),
                    "public": f"@K{len(table) + 2 * place + 1}@",
                    **({"until": str(self.until[name])} if name in self.until else {}),
                }
                for place, name in enumerate(self.peers[interface])
            ]
            table += keys
            files.append({"path": f"wireguard/{interface}.conf", "mode": "0600", "text": text})
        texts = {
            "authorized_keys": f'from="10.200.255.254" {self.push} runner\n',
            "hosts": f"10.201.2.1 b{self.extra}\n",
            "nftables.nft": f"# {self.extra}\n{FIREWALL}"
            + HELD * ("alice" in self.peers.get("wg1", ())),
            "ssh_host_ed25519_key": f"host key of {self.node} {self.incarnation}\n",
            "sshd.conf": f"# {self.extra}\nHostKey {ACTIVE}/ssh_host_ed25519_key\n",
            "sysctl.conf": f"net.ipv4.ip_nonlocal_bind = 1\n{self.settings}",
        }
        if self.console:
            texts["console"] = self.console
        public_ones = {"hosts", "sshd.conf", "sysctl.conf"}
        for role, text in self.roles.items():
            says = "X-BackplaneRereads=it.conf\n" * (role in self.rereads)
            own = {f"units/{unit}": f"# {unit}\n{says}" for unit in units_of(role)}
            texts |= {f"roles/{role}/it.conf": text, **own}
            public_ones |= {f"roles/{role}/it.conf", *own}
        if self.logins:
            told = [{"user": user, "uid": uid_of(user)} for user in self.logins]
            texts |= {
                FILE: json.dumps({"accounts": told}),
                RULES: f"{self.logins[0]} ALL=(root) ALL\n",
            }
            public_ones.add(FILE)
        texts |= {f"secrets/{role}/it.key": text for role, text in self.hidden.items()}
        files += [
            {"path": path, "mode": "0644" if path in public_ones else "0600", "text": text}
            for path, text in texts.items()
        ]
        return {
            "format": 1,
            "node": self.node,
            **({"was": self.was} if self.was else {}),
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
            **(
                {"roles": {r: needs_of(r, r in self.hidden) for r in self.roles}}
                if self.roles
                else {}
            ),
            "keys": base64.b64encode(b"".join(base64.b64decode(entry) for entry in table)).decode(),
        }

    @property
    def generation(self) -> str:
        """Its name."""
        return name_of(self.document())

    def encode(self) -> str:
        """The text that goes to stdin."""
        return encode(self.document())


def units_of(role: str) -> list[str]:
    """The units of a role: `dust` is started by a timer."""
    kinds = ["service", "timer"] if role == "dust" else ["service"]
    return [f"backplane-{role}.{kind}" for kind in kinds]


def needs_of(role: str, hides: bool) -> dict[str, Any]:  # noqa: FBT001  a fact of the role
    """What a role says of itself in a bundle: `sight` has a template of units, and a file ahead."""
    return {
        "packages": [f"lib{role}", role],
        "archive": None,
        "shut": [f"{role}.service", *([f"{role}@.service"] if role == "sight" else [])],
        "ahead": {AHEAD: f"{role}\n"} if role == "sight" else {},
        "units": units_of(role),
        "checks": [
            [f"{role}-check", "{}/it.conf"],
            *([[f"{role}-check", "{hidden}/it.key"]] if hides else []),
        ],
    }


def name_of(document: Mapping[str, Any]) -> str:
    """The generation a document hashes to."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode(document: Mapping[str, Any], generation: str | None = None) -> str:
    """Pack a document; with a generation of one's own, also a wrong one."""
    whole = {**document, "generation": generation or name_of(document)}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return base64.encodebytes(lzma.compress(text.encode())).decode()
