"""What runs in the sessions of those who are held out ends, and nothing else does."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node import logins
from node.logins import Process, doomed

ALICE, BOB, ENTRY = "10.201.255.1", "10.201.255.2", "10.201.1.1"
KEY, OTHER = "ssh-ed25519 AAAA", "ssh-ed25519 BBBB"


def _one(
    pid: int, parent: int, name: str = "bash", *, source: str = "", key: str = "", scope: str = ""
) -> Process:
    keys = frozenset({key} if key else ())
    return Process(pid=pid, parent=parent, name=name, scope=scope, source=source, keys=keys)


MACHINE = [
    _one(1, 0, "systemd"),
    _one(50, 1, "sshd"),
    _one(60, 50, "sshd"),
    _one(61, 60, source=ALICE, key=KEY),
    _one(62, 61, "sleep"),
    _one(70, 50, "sshd", scope="session-7.scope"),
    _one(71, 70, source=ENTRY, key=KEY, scope="session-7.scope"),
    _one(72, 1, "nohup", scope="session-7.scope"),
    _one(80, 50, "sshd"),
    _one(81, 80, source=BOB, key=OTHER),
    _one(90, 50, "sshd"),
    _one(91, 90, source=ENTRY, key=OTHER),
    _one(100, 1, "nginx"),
]


def test_all_of_a_persons_sessions_end() -> None:
    """From their own address, by their key through an entry node, with all that runs in them."""
    assert doomed(MACHINE, {ALICE}, {KEY}) == [60, 61, 62, 70, 71, 72]


def test_the_daemon_and_everybody_else_stay() -> None:
    """Bob's session, one through the same entry by another key, sshd itself, services."""
    left = {50, 80, 81, 90, 91, 100, 1}
    assert not left & set(doomed(MACHINE, {ALICE}, {KEY}))
    assert doomed(MACHINE, set(), set()) == []
    assert doomed(MACHINE, {"10.201.255.9"}, {"ssh-ed25519 CCCC"}) == []


def test_it_reads_what_the_kernel_shows(tmp_path: Path) -> None:
    """A real process with a name that looks like the kernel's own marks, and sshd's two words."""
    auth = Path("/tmp") / f"sshauth.{secrets.token_hex(5)}"  # noqa: S108 - where sshd has it
    auth.write_text(f"publickey {KEY}\n", encoding="ascii")
    program = tmp_path / "a) R (b"
    program.symlink_to(sys.executable)
    told = {"SSH_CONNECTION": f"{ALICE} 50000 10.201.1.2 22", "SSH_USER_AUTH": str(auth)}
    child = subprocess.Popen([program, "-c", "import time; time.sleep(60)"], env=told)
    try:
        until = time.monotonic() + 10
        while True:
            found = {one.pid: one for one in logins.processes(Path("/proc"))}
            # Between fork and exec it still has this process' environment.
            if found.get(child.pid, MACHINE[0]).source or time.monotonic() > until:
                break
            time.sleep(0.01)
        assert found[child.pid].source == ALICE
        assert found[child.pid].keys == {KEY}
        assert not any(one.source == ALICE for pid, one in found.items() if pid != child.pid)
        assert child.pid in doomed(list(found.values()), set(), {KEY})
    finally:
        child.kill()
        child.wait()
        auth.unlink()


@pytest.mark.timeout(20)
def test_what_a_person_puts_there_instead_keeps_nobody_waiting() -> None:
    """A pipe that nobody writes to, a link, a device, a file elsewhere: no key, and no wait."""
    name = secrets.token_hex(5)
    pipe, link = (Path("/tmp") / f"sshauth.{name}{letter}" for letter in "pl")  # noqa: S108
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    children = [
        subprocess.Popen(["sleep", "60"], env={"SSH_USER_AUTH": str(path)})
        for path in (pipe, link, "/dev/zero", "/etc/passwd", "/tmp/../etc/passwd")  # noqa: S108
    ]
    try:
        pids = {child.pid for child in children}
        until = time.monotonic() + 10
        found: list[Process] = []
        while len(found) < len(pids) and time.monotonic() < until:
            found = [one for one in logins.processes(Path("/proc")) if one.pid in pids]
        assert len(found) == len(pids)
        assert not [one for one in found if one.keys]
    finally:
        for child in children:
            child.kill()
            child.wait()
        pipe.unlink()
        link.unlink()


def test_a_scope_of_ones_own_making_is_no_login(tmp_path: Path) -> None:
    """Only logind's own count: a unit of a person's manager may be called like anybody's."""
    forged = "user.slice/user-1000.slice/user@1000.service/app.slice/session-5.scope"
    for place, (path, scope) in enumerate(
        (
            ("user.slice/user-0.slice/session-5.scope", "session-5.scope"),
            (forged, ""),
            ("system.slice/ssh.service", ""),
        )
    ):
        folder = tmp_path / str(place + 2)
        folder.mkdir()
        (folder / "stat").write_text(f"{place + 2} (sh) S 1 1", encoding="ascii")
        (folder / "environ").write_bytes(b"A=1\0")
        (folder / "cgroup").write_text(f"0::/{path}\n", encoding="ascii")
        (one,) = (one for one in logins.processes(tmp_path) if one.pid == place + 2)
        assert one.scope == scope, path
