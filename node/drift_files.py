"""Managed files outside the generations: fixed texts, fixed links, and the directories above."""

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from node import fixed, hosts, interfaces
from node.difference import Difference, lines
from node.generations import Generation
from node.layout import LINKS
from node.machine import Machine

_MODE, _RUNS = 0o644, 0o755
_OTHERS_WRITE = 0o022
_WIREGUARD = "/etc/wireguard/"
_LONGEST = 65536


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Fixed files and links that are not as first boot wrote them."""
    for path, text in fixed.FILES.items():
        yield from _file(machine, machine.layout.at(path), text, _MODE)
    for path, text in fixed.LATER.items():
        yield from _file(machine, machine.layout.at(path), text, _RUNS)
    declared = set(target.planes())
    for path, aim in LINKS:
        name = Path(path).stem
        # Where a plane is left out its file may be somebody else's.
        if not path.startswith(_WIREGUARD) or name in declared:
            yield from _link(machine, path, aim, name)
    yield from _directories(machine, target)


def names(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Our block of /etc/hosts, which follows the confirmed generation."""
    path = machine.layout.hosts
    source = target.file("hosts")
    if not source.exists():
        return
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    wanted = hosts.merge(present, source.read_text(encoding="utf-8"))
    mend = partial(hosts.write, machine, target)
    if wanted != present:
        declared, live = lines(wanted.splitlines(), present.splitlines())
        yield _difference(str(path), declared, live, mend)
    else:
        yield from ownership(path, _MODE, mend)


def tool(machine: Machine) -> Iterator[Difference]:
    """Mode and owner of the tool itself; its content is for whoever knows the right one."""
    path = machine.layout.tool
    if path.exists():
        yield from ownership(path, 0o755, partial(own, path, 0o755))


def owner() -> tuple[int, int]:
    """Whom managed files belong to: root, who runs this."""
    return os.geteuid(), os.getegid()


def own(path: Path, mode: int) -> None:
    """Give a file or directory its mode and owner back."""
    os.chown(path, *owner(), follow_symlinks=False)
    path.chmod(mode)


def _file(machine: Machine, path: Path, text: str, mode: int) -> Iterator[Difference]:
    def mend() -> None:
        machine.disk.ensure_directory(path.parent, 0o755)
        machine.disk.replace(path, text.encode(), mode)
        words = ["daemon-reload"] if "/systemd/system" in str(path) else []
        if path == machine.layout.at(fixed.RESOLVED):
            words = ["--no-block", "try-restart", "systemd-resolved.service"]
        if words:
            machine.commands.must(
                ["systemctl", *words],
                why=f"{path} is right again, and systemd does not read it",
                fix="look at `journalctl -b` on the machine",
                timeout=60,
            )

    if path.is_symlink() or not path.is_file():
        yield _difference(str(path), "a file of ours", _kind(path), mend)
        return
    with path.open("rb") as file:
        present = file.read(_LONGEST).decode(errors="replace")
    if present != text:
        declared, live = lines(text.splitlines(), present.splitlines())
        yield _difference(str(path), declared, live, mend)
    else:
        yield from ownership(path, mode, partial(own, path, mode))


def _link(machine: Machine, path: str, aim: str, name: str) -> Iterator[Difference]:
    link = machine.layout.at(path)
    if link.is_symlink() and str(link.readlink()) == aim:
        return

    def mend() -> None:
        if path.startswith(_WIREGUARD):
            interfaces.ensure_link(machine, name)
        else:
            machine.disk.ensure_directory(link.parent, 0o755)
            machine.disk.point(link, aim)

    yield _difference(path, f"a link to {aim}", _kind(link), mend)


def _directories(machine: Machine, target: Generation) -> Iterator[Difference]:
    layout = machine.layout
    inside = {file.parent for file in target.path.rglob("*")} if target.path.is_dir() else set()
    for path in sorted({layout.state, layout.generations, layout.run, layout.wireguard, *inside}):
        if not path.is_dir() or path.is_symlink():
            continue
        state = path.lstat()
        mode = stat.S_IMODE(state.st_mode)
        if mode & _OTHERS_WRITE or (state.st_uid, state.st_gid) != owner():
            kept = mode & ~_OTHERS_WRITE
            declared, live = "writable by root alone", _shown(state)
            yield _difference(str(path), declared, live, partial(own, path, kept))


def ownership(path: Path, mode: int, mend: Callable[[], object]) -> Iterator[Difference]:
    """Mode and owner of one file that is there."""
    state = path.lstat()
    if (stat.S_IMODE(state.st_mode), (state.st_uid, state.st_gid)) != (mode, owner()):
        yield _difference(str(path), f"mode {mode:04o}, owner root", _shown(state), mend)


def _shown(state: os.stat_result) -> str:
    uid, gid = owner()
    who = "root" if (state.st_uid, state.st_gid) == (uid, gid) else f"{state.st_uid}:{state.st_gid}"
    return f"mode {stat.S_IMODE(state.st_mode):04o}, owner {who}"


def _kind(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}"
    if path.is_file():
        return "a file of its own"
    return "a directory" if path.is_dir() else ""


def _difference(what: str, declared: str, live: str, mend: Callable[[], object]) -> Difference:
    return Difference(area="files", what=what, declared=declared, live=live, mend=mend)
