"""sshd: judged before it is told anything, reloaded only when its own files changed."""

import re
import secrets

from node.generations import Generation
from node.layout import ACTIVE, SSH_UNIT
from node.machine import Machine

# authorized_keys is read anew at every login and needs no reload.
FILES = ("sshd.conf", "ssh_host_ed25519_key")
_INCLUDE = re.compile(r"^\s*Include\s+/etc/ssh/sshd_config\.d/", re.IGNORECASE)
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


def reload(machine: Machine) -> None:
    """Have sshd read its files again; open sessions go on.

    Raises:
        Refused: It did not.
    """
    machine.commands.run(["systemctl", "reset-failed", SSH_UNIT])
    machine.commands.must(
        ["systemctl", "reload-or-restart", SSH_UNIT],
        why="sshd does not take its settings",
        fix="look at `journalctl -b -u ssh` on the machine",
        timeout=60,
    )
