"""sshd with other settings until further notice or the next boot: nothing of it is on the disk."""

import re
import socket
from pathlib import Path

from node import before, facts, sshd
from node.before import Before
from node.errors import Refused
from node.generations import Generation
from node.layout import SSH_SOCKET, SSH_UNIT
from node.machine import Machine

PLAIN = """\
# Written when this machine was taken over; what stood here comes back when it is given back.
Include /etc/ssh/sshd_config.d/*.conf
UsePAM yes
X11Forwarding no
PrintMotd no
Subsystem sftp /usr/lib/openssh/sftp-server
"""
"""sshd's main file of a machine that was taken over: nothing in it opens a door."""

SECOND = "backplane-trial-sshd.service"
_DROP_IN = f"/run/systemd/system/{SSH_UNIT}.d/backplane-trial.conf"
# Every sshd refuses everything while this directory is not there, and one that ends takes it away.
_DIRECTORY = "/run/sshd"
_OPTIONS = "/etc/default/ssh"
_OWN_OPTIONS = re.compile(r"^\s*SSHD_OPTS=[\"']?[^\"'\s#]", re.MULTILINE)
_DROP_INS = tuple(f"{base}/systemd/system/{SSH_UNIT}.d" for base in ("/etc", "/run"))
_CGROUPS = ("/ssh.service", "/sshd.service")
_LOOK = "look at `journalctl -b -u ssh` on the machine"
_PORT = re.compile(r"^(Port |ListenAddress \S+:)22$", re.MULTILINE)
_PARTS = re.compile(rf"(?im)^(\s*Include\s+){re.escape(before.SSHD_PARTS)}/")
_PENALTIES = "PerSourcePenalties no\n"
_PATIENCE = 10.0  # seconds that an sshd gets to listen
_STEP = 0.1


def require_plain(machine: Machine) -> None:
    """Refuse an sshd that what follows would not understand; nothing is changed.

    Raises:
        Refused: It is none of the distribution's, or is started or set up out of the ordinary.
    """
    at = machine.layout.at
    strange = [
        path
        for path in (before.SSHD, before.HOST_KEY)
        if at(path).is_symlink() or not at(path).is_file()
    ]
    strange += [
        str(path) for path in at(before.SSHD_PARTS).glob("*.conf") if not path.resolve().is_file()
    ]
    options = at(_OPTIONS)
    if options.exists() and _OWN_OPTIONS.search(options.read_text(errors="replace")):
        strange.append(_OPTIONS)
    for folder in _DROP_INS:
        for path in at(folder).glob("*.conf"):
            # One of ours is there while a takeover is under way.
            if path.name != Path(_DROP_IN).name and "Exec" in path.read_text(errors="replace"):
                strange.append(f"{folder}/{path.name}")
    if strange:
        raise Refused(
            f"this machine's sshd is out of the ordinary: {', '.join(strange)}",
            "let the distribution's ssh.service start it, without options of its own, with plain "
            "files in /etc/ssh and an ed25519 host key (`ssh-keygen -A`); then try again",
        )


def second(machine: Machine, generation: Generation) -> int:
    """Start an sshd with a generation's settings beside the one that runs, on a port of its own.

    Returns:
        The port.

    Raises:
        Refused: sshd refuses the settings, or does not listen.
    """
    end_second(machine)
    machine.layout.at(_DIRECTORY).mkdir(mode=0o755, parents=True, exist_ok=True)
    port = _free_port()
    config = _put(machine, "second.conf", planes(machine, generation, port))
    machine.commands.must(
        ["systemd-run", "--quiet", "--collect", f"--unit={SECOND}", "--property=KillMode=process",
         sshd.program(machine), "-D", "-o", "PidFile=none", "-f", str(config)],
        why="a second sshd does not start", fix=_LOOK,
    )  # fmt: skip
    until = machine.clock.seconds() + _PATIENCE
    while machine.clock.seconds() < until:
        if any(one["port"] == port for one in facts.listeners(machine)):
            return port
        machine.clock.sleep(_STEP)
    end_second(machine)
    raise Refused(f"a second sshd does not listen on port {port}", _LOOK)


def end_second(machine: Machine) -> None:
    """End it, if it is there; sessions that came by it go on."""
    machine.commands.run(["systemctl", "stop", SECOND])


def serve(machine: Machine, name: str, text: str) -> None:
    """Have the machine's sshd listen by these settings, and by no others.

    Args:
        machine: The machine.
        name: What the file is called.
        text: The whole of sshd_config(5).

    Raises:
        Refused: sshd refuses them, or does not start with them.
    """
    config = _put(machine, name, text)
    program = sshd.program(machine)
    unit = (
        "[Service]\nRuntimeDirectoryPreserve=yes\n"
        f"ExecStartPre=\nExecStart=\nExecStart={program} -D -f {config}\n"
        f"ExecReload=\nExecReload={program} -t -f {config}\nExecReload=/bin/kill -HUP $MAINPID\n"
    )
    drop_in = machine.layout.at(_DROP_IN)
    drop_in.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    drop_in.write_text(unit, encoding="utf-8")
    drop_in.chmod(0o644)
    # A service that a socket starts starts it too, as long as that is enabled. Boot finds one of
    # the two at any moment.
    _systemctl(machine, "enable", "--quiet", SSH_UNIT)
    sync_units(machine)
    machine.commands.run(["systemctl", "disable", "--now", "--quiet", SSH_SOCKET])
    if before.by_socket(machine):
        raise Refused(f"{SSH_SOCKET} does not end: it would go on listening", _LOOK)
    _systemctl(machine, "daemon-reload")
    _restart(machine)


def served(machine: Machine) -> bool:
    """Whether the machine's sshd listens by settings that were given to :func:`serve`."""
    return machine.layout.at(_DROP_IN).exists()


def astray(machine: Machine, was: Before) -> bool:
    """Whether the machine's sshd is started, or told what to do, otherwise than before."""
    return served(machine) or before.by_socket(machine) != was.socket


def over(machine: Machine) -> None:
    """Have the machine's sshd read its own files again, without a socket of systemd's."""
    machine.layout.at(_DROP_IN).unlink(missing_ok=True)
    _systemctl(machine, "daemon-reload")
    _restart(machine)


def back(machine: Machine, was: Before) -> None:
    """Have the machine's sshd read its own files again, started by what started it before."""
    if was.socket:
        _systemctl(machine, "enable", "--quiet", SSH_SOCKET)
    if not was.service:
        _systemctl(machine, "disable", "--quiet", SSH_UNIT)
    if not was.socket:
        over(machine)
        return
    machine.layout.at(_DROP_IN).unlink(missing_ok=True)
    _systemctl(machine, "daemon-reload")
    # A socket does not start while its service runs.
    _systemctl(machine, "stop", SSH_UNIT)
    _end_lost(machine)
    _systemctl(machine, "restart", SSH_SOCKET)


def sync_units(machine: Machine) -> None:
    """Make durable what systemctl has enabled and disabled."""
    folder = machine.layout.at("/etc/systemd/system")
    for kind in ("wants", "requires"):
        for path in sorted(folder.glob(f"*.{kind}")):
            machine.disk.sync_directory(path)


def planes(machine: Machine, generation: Generation, port: int = 22) -> str:
    """A generation's settings as one file, with what else sshd needs."""
    ours = _PORT.sub(rf"\g<1>{port}", generation.file("sshd.conf").read_text(encoding="utf-8"))
    rest = "".join(
        line for line in PLAIN.splitlines(keepends=True) if not line.startswith("Include")
    )
    # Ours ends with a Match block, which would take in whatever came behind it.
    return f"{rest}{penalties(machine)}{ours}"


def as_it_was(machine: Machine, was: Before, port: int) -> str:
    """The settings of before the takeover as one file; parts of it are put beside it, in /run.

    Args:
        machine: The machine.
        was: What it was.
        port: Where its owner reaches it, which only a socket may have known.
    """
    texts = before.plain(was.sshd)
    parts = machine.layout.run / "sshd-before"
    for path, text in texts.items():
        if path.startswith(f"{before.SSHD_PARTS}/"):
            _put(machine, f"sshd-before/{Path(path).name}", text.decode(errors="replace"))
    whole = _PARTS.sub(rf"\g<1>{parts}/", texts[before.SSHD].decode(errors="replace"))
    return f"Port {port}\n{whole}" if was.socket else whole


def penalties(machine: Machine) -> str:
    """The line that lets a rollout's many sessions in, where sshd knows it (from 9.8 on)."""
    known = machine.commands.run([sshd.program(machine), "-t", "-o", _PENALTIES.strip()])
    return "" if known.code else _PENALTIES


def _put(machine: Machine, name: str, text: str) -> Path:
    """Write a file that a reboot forgets, and let sshd judge it if it is a whole one."""
    path = machine.layout.run / name
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    machine.disk.write(path, text.encode(), 0o600)
    if path.parent == machine.layout.run:
        machine.commands.must(
            [sshd.program(machine), "-t", "-f", str(path)],
            why="sshd refuses its settings", fix=_LOOK,
        )  # fmt: skip
    return path


def _end_lost(machine: Machine) -> None:
    """End the sshd that waits for callers, if systemd has lost sight of it (see `sshd.adopt`).

    It would keep its port, also when its unit is stopped. Those who speak to callers go on.
    """
    told = machine.commands.must(
        ["systemctl", "show", "--property=MainPID", "--value", SSH_UNIT, SECOND],
        why="systemd does not say who sshd is",
        fix=_LOOK,
    )
    known = {int(line) for line in told.split()}
    for pid in {int(one["pid"]) for one in facts.listeners(machine) if one["process"] == "sshd"}:
        about = machine.layout.at(f"/proc/{pid}")
        # Its owner may run another one, as another unit; and a session may listen for its user.
        ours = (about / "cgroup").exists() and (about / "cgroup").read_text().strip().endswith(
            _CGROUPS
        )
        if pid not in known and ours and b"[listener]" in (about / "cmdline").read_bytes():
            machine.journal.say("systemd has lost sight of sshd: ended, open sessions go on")
            sshd.end(machine, pid)


def _restart(machine: Machine) -> None:
    _end_lost(machine)
    machine.commands.run(["systemctl", "reset-failed", SSH_UNIT])
    _systemctl(machine, "restart", SSH_UNIT)


def _systemctl(machine: Machine, *words: str) -> None:
    machine.commands.must(
        ["systemctl", *words],
        why=f"`systemctl {' '.join(words)}` fails",
        fix=_LOOK,
        timeout=60,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
