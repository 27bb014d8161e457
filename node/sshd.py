"""sshd: judged before it is told anything, reloaded only when its own files changed."""

import contextlib
import os
import re
import secrets
import signal
from collections.abc import Collection

from node.generations import Generation
from node.layout import ACTIVE, SSH_UNIT
from node.machine import Machine

# authorized_keys is read anew at every login and needs no reload.
FILES = ("sshd.conf", "ssh_host_ed25519_key")
_INCLUDE = re.compile(r"^\s*Include\s+/etc/ssh/sshd_config\.d/", re.IGNORECASE)
_LOOK = "look at `journalctl -b -u ssh` on the machine"
_ENDS = 5.0  # seconds that an sshd gets to end
_FIX = "run `pulumi up` with a declaration whose sshd settings this machine's sshd accepts"


def check(machine: Machine, generation: Generation) -> None:
    """Let sshd judge a generation's settings together with the machine's own, from where they are.

    Raises:
        Refused: sshd would not start with them.
    """
    machine.ensure_run()
    layout = machine.layout
    token = secrets.token_hex(4)
    part = layout.run / f".sshd-{token}.part"
    whole = layout.run / f".sshd-{token}.conf"
    ours = generation.file("sshd.conf").read_text(encoding="utf-8")
    others = [
        f"Include {path}"
        for path in sorted(layout.at("/etc/ssh/sshd_config.d").glob("*.conf"))
        if not path.is_symlink()
    ]
    own = layout.at("/etc/ssh/sshd_config")
    lines = own.read_text(encoding="utf-8").splitlines() if own.exists() else []
    try:
        machine.disk.write(part, ours.replace(ACTIVE, str(generation.path)).encode(), 0o600)
        # sshd takes the first value it meets, so the order must be that of the real files.
        text = [f"Include {part}", *others, *(line for line in lines if not _INCLUDE.match(line))]
        machine.disk.write(whole, "\n".join([*text, ""]).encode(), 0o600)
        machine.commands.must(
            [program(machine), "-t", "-f", str(whole)], why="sshd refuses its settings", fix=_FIX
        )
    finally:
        part.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)


def program(machine: Machine) -> str:
    """The full path of sshd, which wants to be called by it."""
    path = machine.layout.at("/usr/sbin/sshd")
    return str(path) if path.exists() else "/usr/sbin/sshd"


def reload(machine: Machine, doors: Collection[tuple[str, int]]) -> None:
    """Have sshd read its files again; open sessions go on.

    Args:
        machine: The machine.
        doors: The addresses and ports that it listens on.

    Raises:
        Refused: It did not.
    """
    machine.commands.run(["systemctl", "reset-failed", SSH_UNIT])
    if adopt(machine, doors):
        return
    machine.commands.must(
        ["systemctl", "reload-or-restart", SSH_UNIT],
        why="sshd does not take its settings",
        fix=_LOOK,
        timeout=60,
    )


def adopt(machine: Machine, doors: Collection[tuple[str, int]]) -> bool:
    """Start sshd's unit anew if an sshd listens that systemd has lost sight of; True if it did.

    Enabling the unit gives it its second name, sshd.service, which other units order themselves
    by; at the next reload systemd may put the state of that name, never started, in the place of
    the running one's. A start would then fail for the first sshd's sockets, again and again, and
    take /run/sshd away from under it: nobody would get in any more.

    Args:
        machine: The machine.
        doors: The addresses and ports that it listens on.

    Raises:
        Refused: sshd does not take its files, and the one that listens goes on; or none started.
    """
    told = machine.commands.must(
        ["systemctl", "show", "--property=MainPID", "--value", SSH_UNIT], why="systemd", fix=_LOOK
    )
    if told.strip() != "0":
        return False
    from node import facts  # noqa: PLC0415 - every verb starts Python anew

    lost = {
        int(one["pid"])
        for one in facts.listeners(machine)
        if one["process"] == "sshd" and (one["address"], one["port"]) in doors
    }
    if not lost:
        return False
    # sshd refuses everything without it, a judgement of its files too.
    machine.layout.at("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
    machine.commands.must([program(machine), "-t"], why="sshd refuses its settings", fix=_FIX)
    machine.journal.say("systemd has lost sight of sshd: started anew, open sessions go on")
    for pid in lost:
        end(machine, pid)
    machine.commands.must(
        ["systemctl", "restart", SSH_UNIT], why="sshd does not start", fix=_LOOK, timeout=60
    )
    return True


def end(machine: Machine, pid: int) -> None:
    """End a process that listens; its children, who hold the sessions, go on."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until = machine.clock.seconds() + _ENDS
    while machine.layout.at(f"/proc/{pid}").exists() and machine.clock.seconds() < until:
        machine.clock.sleep(0.05)
