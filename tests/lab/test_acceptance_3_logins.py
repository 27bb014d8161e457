"""People log in as themselves, do as root what they may and no more, and leave nothing behind."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.network.namespace import Namespace
from tests.lab.laptop import laptop
from tests.lab.mesh import Declaration, Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
MAY = ["/usr/bin/id", "/usr/bin/sleep 3000"]
RUNNING = "sleep [345]000"
"""What of hers runs: by sudo, in her session, and in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a person has: an operator's entry, a key of their own, and the nodes' host keys."""

    entry: str
    user: str
    key: Path
    known: Path
    space: Namespace

    def words(self, address: str, command: str, user: str = "") -> list[str]:
        """The whole command line of one login."""
        options = ("BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes",
                   f"UserKnownHostsFile={self.known}", "ConnectTimeout=15")  # fmt: skip
        given = [word for option in options for word in ("-o", option)]
        at = f"{user or self.user}@{address}"
        return [*self.space.entry, "ssh", "-F", "none", "-i", str(self.key), *given, at, command]

    def run(self, address: str, command: str, user: str = "") -> subprocess.CompletedProcess[str]:
        """Log in, run a command, and come back."""
        return subprocess.run(
            self.words(address, command, user),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def begin(self, address: str, command: str) -> subprocess.Popen[str]:
        """Log in, and stay."""
        return subprocess.Popen(
            self.words(address, command),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip


def _device(mesh: Mesh, folder: Path, entry: str, user: str) -> Device:
    key, known = folder / entry, folder / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    space = Namespace(mesh.lab.lab.namespace("internet"))
    return Device(entry=entry, user=user, key=key, known=known, space=space)


def _hire(mesh: Mesh, people: Sequence[tuple[Device, object]]) -> dict[str, str]:
    """Declare them, bring them in, and tell each node's address on management."""

    def change(declared: Declaration) -> None:
        for number, (device, sudo) in enumerate(people, start=31):
            public = " ".join(device.key.with_suffix(".pub").read_text().split()[:2])
            login = {"user": device.user, **({"sudo": sudo} if sudo else {})}
            entry = {"id": number, "planes": ["management"], "ssh_key": public, "login": login}
            declared["operators"][device.entry] = entry

    mesh.declare(change)
    mesh.must("up", "--yes", "--skip-preview")
    told = mesh.outputs()
    people[0][0].known.write_text(told["known_hosts"])
    return {name: one["addresses"]["management"]["ipv4"] for name, one in told["nodes"].items()}


@pytest.mark.timeout(480)
def test_people_have_accounts_of_their_own_until_they_go(
    mesh: Mesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alice runs her one command as root and no other, bob none; neither becomes root otherwise.

    Removed with a session, a process in the background and one as root, she leaves nothing on any
    node; the runner's own way in works all the while, and bob stays.
    """
    alice = _device(mesh, tmp_path, "alices", "alice-k")
    bob = _device(mesh, tmp_path, "bobs", "bob")
    at = _hire(mesh, [(alice, MAY), (bob, None)])
    _is_no_root(mesh, bob, alice, at)
    with laptop(mesh, alice.entry, "wg1") as device:
        for name in NODES:
            assert device.reaches(at[name], seconds=30), name
            _may(alice, at[name])
        sessions = [_settle(mesh, alice, name, at[name]) for name in NODES]
        assert [one.poll() for one in sessions] == [None] * len(NODES)

        def fire(declared: Declaration) -> None:
            del declared["operators"][alice.entry]

        mesh.declare(fire)
        began = time.monotonic()
        mesh.must("up", "--yes", "--skip-preview")
        seconds = time.monotonic() - began
        for one in sessions:
            one.wait(timeout=90)
        for name in NODES:
            _nothing_left(mesh, name)
        assert mesh.verify()["ok"] is True
    with laptop(mesh, bob.entry, "wg1") as device:
        assert device.reaches(at["hel-b"], seconds=30)
        assert bob.run(at["hel-b"], "whoami").stdout == "bob\n"

    def leave(declared: Declaration) -> None:
        del declared["operators"][bob.entry]

    mesh.declare(leave)
    mesh.must("up", "--yes", "--skip-preview")
    for name in NODES:
        mesh.lab.on(name).fail("getent passwd bob")
    found = mesh.backplane("drift", "--stack", "lab")
    assert found.code == 0, found.out + found.err
    with capsys.disabled():
        print(  # noqa: T201
            f"\nlogins: an `up` of {seconds:.1f} s left nothing of a removed person with three "
            f"processes on each of {len(NODES)} nodes"
        )


def _is_no_root(mesh: Mesh, bob: Device, alice: Device, at: dict[str, str]) -> None:
    """Who has no right by sudo is himself and nobody else, also with somebody else's key."""
    with laptop(mesh, bob.entry, "wg1") as device:
        for name in NODES:
            assert device.reaches(at[name], seconds=30), name
        first = at["fsn-a"]
        assert bob.run(first, "whoami; id -nG").stdout.split() == ["bob", "bob"]
        for command in ("sudo -n /usr/bin/id", "sudo -n -l", "su root -c id", "cat /etc/shadow"):
            assert bob.run(first, command).returncode != 0, command
        for user in ("root", "daemon", "alice-k"):
            assert "Permission denied" in bob.run(first, "id", user).stderr, user
        stolen = Device(
            entry=bob.entry, user="alice-k", key=alice.key, known=bob.known, space=bob.space
        )
        assert "Permission denied" in stolen.run(first, "id").stderr, "a key from elsewhere"


def _settle(mesh: Mesh, alice: Device, name: str, address: str) -> subprocess.Popen[str]:
    """Have her leave a file and three processes on a node; return the session of one of them."""
    alice.run(address, "nohup sleep 5000 >/dev/null 2>&1 & echo hers >notes")
    alice.run(address, "nohup sudo -n /usr/bin/sleep 3000 >/dev/null 2>&1 & sleep 1")
    session = alice.begin(address, "sleep 4000")
    for number in (3000, 4000, 5000):
        running = f"pgrep -f '^(/usr/bin/)?sleep {number}'"
        mesh.lab.on(name).wait_until_succeeds(running, 20)
    return session


def _may(alice: Device, address: str) -> None:
    """Her own account, her one command as root with nothing behind it, and no other way there."""
    seen = alice.run(address, "whoami; pwd; stat -c %a .; echo $0; groups")
    assert seen.stdout.split() == ["alice-k", "/home/alice-k", "700", "bash", "alice-k"], seen
    assert alice.run(address, "sudo -n /usr/bin/id").stdout.startswith("uid=0(root)")
    for command in (
        "sudo -n /usr/bin/id -u",
        "sudo -n /usr/bin/sleep 3001",
        "sudo -n /bin/bash -c id",
        "sudo -n -i",
        "sudo -n -u bob /usr/bin/id",
        "sudo -n X=y /usr/bin/id",
        "su root -c id",
        "cat /etc/shadow",
        "cat /run/backplane/active/secrets/sudo/sudoers",
        "cat /run/backplane/active/authorized_keys",
        "touch /run/backplane/active/logins/keys/alice-k",
        "ls /home/.removed",
    ):
        assert alice.run(address, command).returncode != 0, command
    assert "Permission denied" in alice.run(address, "id", "root").stderr


def _nothing_left(mesh: Mesh, name: str) -> None:
    """No account, group, process, rule, key or home of hers; what was hers is root's alone."""
    node = mesh.lab.on(name)
    for one in (
        "getent passwd alice-k",
        "getent group alice-k",
        f"pgrep -f '^(/usr/bin/)?{RUNNING}'",
        "test -e /etc/sudoers.d/backplane -o -L /etc/sudoers.d/backplane",
        "test -e /run/backplane/active/logins/keys/alice-k",
        "test -e /home/alice-k",
        f"grep -l alice-k {shlex.quote('/run/backplane/active/sshd.conf')}",
    ):
        node.fail(one)
    assert node.succeed("cat /home/.removed/alice-k-*/home/notes") == "hers\n"
    assert node.succeed("stat -c '%a %U' /home/.removed").split() == ["700", "root"]
