"""Machines that are in use before the stack is: open to the world, with services of their own.

`Found` is a lab of its own with two such machines, made by the vendor's client without a firewall,
and a declaration of a mesh that has both of them and one machine of the cloud's.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcloud import Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from lab.layout import LabError
from lab.network.namespace import Namespace
from tests.lab.mesh import Declaration, Done, Mesh
from tests.lab.running import Running
from tests.lab.verbs import Place

ROOTS, SUDOS = "web-1", "db-1"
"""To one root logs in, and ssh.service runs; to the other somebody with sudo, and ssh.socket."""

TIMER = 30
"""The shortest that may be declared, in seconds."""

OPEN = {22: "ssh", 80: "http", 5432: "postgresql"}
"""What a stranger finds open on both, before."""

_USER_DATA = """\
#cloud-config
users:
  - name: root
    lock_passwd: true
    ssh_authorized_keys: ["{key}"]
  - name: admin
    lock_passwd: true
    shell: /bin/bash
    sudo: "ALL=(ALL) NOPASSWD:ALL"
    ssh_authorized_keys: ["{key}"]
disable_root: false
write_files:
  # Ubuntu's socket is required by the service that it starts; but for that, Debian's is the same.
  - path: /etc/systemd/system/ssh.socket.d/ubuntu.conf
    content: |
      [Install]
      RequiredBy=ssh.service
  - path: /etc/ssh/sshd_config.d/50-house.conf
    content: |
      AllowUsers root admin
      X11Forwarding yes
runcmd:
  - apt-get update
  - DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nginx postgresql
  - sed -i "s/^#*listen_addresses.*/listen_addresses = '*'/" /etc/postgresql/*/main/postgresql.conf
  - systemctl restart postgresql
  - [sh, -c, "{more}"]
  - touch /run/found-ready
"""
_SOCKET = "systemctl disable --now ssh.service; systemctl enable --now ssh.socket"
"""sshd is started by the first who knocks, and handed its socket."""


@dataclass(slots=True, kw_only=True)
class Found:
    """The lab with the machines.

    Attributes:
        mesh: The stack that is to take them over.
        key: File of the private key that opens them.
        host_keys: Their host keys as they were found, by name.
        addresses: Their public IPv4 addresses, by name.
        ipv6: Their public IPv6 addresses, by name.
        shadow: Root's entry in /etc/shadow as it was found, by name.
    """

    mesh: Mesh
    key: Path
    host_keys: dict[str, str] = field(default_factory=dict)
    shadow: dict[str, str] = field(default_factory=dict, repr=False)
    addresses: dict[str, str] = field(default_factory=dict)
    ipv6: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Found:
        """Two machines in use, and the declaration of a mesh that is to have them."""
        mesh = Mesh.make(folder)
        try:
            key = folder / "owner"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            made = cls(mesh=mesh, key=key)
            mesh.lab.cloud(made._order)
            for name in (ROOTS, SUDOS):
                place = mesh.lab.on(name)
                place.wait_until_succeeds("test -e /run/found-ready", 180)
                shown = place.succeed("cat /etc/ssh/ssh_host_ed25519_key.pub")
                made.host_keys[name] = " ".join(shown.split()[:2])
                place.succeed(f"echo 'root:what {name} had' | chpasswd")
                made.shadow[name] = place.succeed("getent shadow root")
                made.addresses[name] = mesh.servers()[name]["ipv4"]
                shown = place.succeed("ip -6 -o address show dev eth0 scope global")
                made.ipv6[name] = shown.split()[3].partition("/")[0]
            mesh.declare(made.declaration)
        except BaseException:
            mesh.end()
            raise
        return made

    def _order(self, client: Client) -> None:
        public = self.key.with_suffix(".pub").read_text().strip()
        for name, more in ((ROOTS, "true"), (SUDOS, _SOCKET)):
            answer = client.servers.create(
                name=name,
                server_type=ServerType(name="cx23"),
                image=Image(name="debian-12"),
                location=Location(name="fsn1"),
                user_data=_USER_DATA.replace("{key}", public).replace("{more}", more),
            )
            answer.action.wait_until_finished()
            for action in answer.next_actions:
                action.wait_until_finished()

    def declaration(self, declared: Declaration) -> None:
        """A mesh of the two and one machine of the cloud's, with the shortest timer."""
        for other in ("dns", "replicate"):
            declared.pop(other)
        declared["timer"] = TIMER
        declared["sites"] = {
            "fsn": {"id": 1, "location": "fsn1", "nodes": {"fsn-a": {"id": 1}}},
            "rack": {
                "id": 3,
                "cloud": "existing",
                "nodes": {ROOTS: self.node(ROOTS, 1), SUDOS: self.node(SUDOS, 2)},
            },
        }

    def node(self, name: str, number: int) -> dict[str, Any]:
        """One of them as it is declared: one by its host key, one by what it shows first."""
        machine: dict[str, Any] = {
            "ipv4": self.addresses[name],
            "ipv6": self.ipv6[name],
            "host_key": self.host_keys[name],
        }
        if name == SUDOS:
            machine |= {"user": self.user(name), "host_key": "first-seen"}
        return {"id": number, "machine": machine}

    # Ways in

    def on(self, name: str) -> Place:
        """One of them as a place, past its network."""
        return self.mesh.lab.on(name)

    @staticmethod
    def user(name: str) -> str:
        """Who logs in there."""
        return "admin" if name == SUDOS else "root"

    def ssh(self, name: str, command: str) -> tuple[str, ...]:
        """The command by which its owner runs another there, from the runner."""
        return (
            *("ssh", "-F", "none", "-i", str(self.key), "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=1", "-o", "LogLevel=ERROR"),
            *(f"{self.user(name)}@{self.addresses[name]}", command),
        )

    def enters(self, name: str) -> bool:
        """Whether its owner gets in at its public address."""
        entry = Namespace(self.mesh.lab.lab.runner).entry
        done = subprocess.run(
            [*entry, *self.ssh(name, "true")], capture_output=True, check=False, timeout=20
        )
        return done.returncode == 0

    def scan(self, name: str) -> dict[int, str]:
        """State by port of what a stranger's nmap finds, of those that answer at all."""
        ports = ",".join(map(str, [*OPEN, 51820, 51821]))
        told = self.mesh.lab.stranger.succeed(
            f"nmap -n -Pn -p {ports} --max-retries 2 -oG - {self.addresses[name]}", 60
        )
        states = told.partition("Ports: ")[2].partition("\t")[0].split(", ")
        pairs = (one.strip().split("/")[:2] for one in states if "/" in one)
        return {int(port): state for port, state in pairs if state != "filtered"}

    def as_before(self, name: str) -> None:
        """It is what it was: its owner gets in, its services answer, nothing of ours is left."""
        assert self.enters(name), name
        assert self.scan(name) == {**dict.fromkeys(OPEN, "open"), 51820: "closed", 51821: "closed"}
        place = self.on(name)
        assert place.succeed("nft list tables").strip() == ""
        place.fail("ip link show wg0")
        place.fail("ls /etc/wireguard/wg*.conf")
        place.fail("ls /var/lib/backplane/before.json")
        assert place.succeed("getent shadow root") == self.shadow[name]
        place.fail("ls /var/lib/backplane/generations/0")
        place.fail("ls /var/lib/backplane/confirmed")
        place.fail("find /etc /run/systemd -name '*backplane*' | grep .")
        place.fail("systemctl list-timers 'backplane-*' --no-legend | grep .")
        assert place.succeed("sysctl -n net.ipv4.ip_nonlocal_bind").strip() == "0"
        shown = "enabled\n" if name == SUDOS else "disabled\n"
        assert place.run("systemctl is-enabled ssh.socket", 20).stdout == shown
        assert place.succeed("cat /etc/ssh/sshd_config.d/50-house.conf").startswith("AllowUsers")

    @property
    def environment(self) -> dict[str, str]:
        """What names the owner's key."""
        return {"BACKPLANE_TAKEOVER_KEY": str(self.key)}

    def up(self) -> Done:
        """Run `pulumi up` with the owner's key, whatever comes of it."""
        return Running.up(self.mesh, environment=self.environment).end(300)

    def end(self) -> None:
        """Leave nothing."""
        with suppress(LabError):
            self.mesh.end()


@dataclass(slots=True)
class Held:
    """A session of the owner's over the public address: each line it says, with its second."""

    lines: list[float] = field(default_factory=list)
    ended: float | None = None

    def longest(self, until: float) -> float:
        """The longest that it said nothing before a moment, in seconds."""
        said = [one for one in self.lines if one <= until]
        return max(b - a for a, b in zip(said, [*said[1:], until], strict=True))


@contextmanager
def held(found: Found, name: str) -> Iterator[Held]:
    """Keep a session open that says something five times a second."""
    entry = Namespace(found.mesh.lab.lab.runner).entry
    told = Held()
    process = subprocess.Popen(
        [*entry, *found.ssh(name, "while echo; do sleep 0.2; done")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def read() -> None:
        assert process.stdout is not None
        for _ in process.stdout:
            told.lines.append(time.time())
        told.ended = time.time()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield told
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=5)
