"""Generations on disk: written whole, checked by hash, switched by one rename, pruned to the last.

``manifest.json`` of a generation: {"format", "generation", "node", "incarnation", "interfaces",
"mesh", "roles", "files": [{"path", "mode", "sha256"}]}. It is written last, so a directory without
one is no generation.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node import integrity, wireguard
from node.bundle import FORMAT, MANIFEST, Bundle, File, is_generation
from node.errors import Refused
from node.layout import BIRTH
from node.machine import Machine

KEPT = 5
_NEW, _OLD = ".new-", ".old-"
# Daemons that are not root read what is theirs; what is secret has a mode of its own.
_OPEN = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A generation on this machine's disk.

    Attributes:
        name: 16 hex digits, or ``0`` for what user-data wrote.
        path: Its directory.
        node: Name of the node; None in generation 0, which does not say.
        incarnation: Which server of that node; 0 in generation 0.
        interfaces: What is declared of each interface.
        mesh: Each interface's peers by name.
        roles: What each role needs, by name.
    """

    name: str
    path: Path
    node: str | None
    incarnation: int
    interfaces: Mapping[str, Mapping[str, Any]]
    mesh: Mapping[str, list[Mapping[str, str]]]
    roles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def file(self, path: str) -> Path:
        """Where one of its files is."""
        return self.path / path

    def digest(self, *paths: str) -> str:
        """Hash of the content of some of its files; a missing file counts as empty."""
        total = hashlib.sha256()
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                total.update(hashlib.sha256(self.file(path).read_bytes()).digest())
            total.update(b"/")
        return total.hexdigest()

    def planes(self) -> list[str]:
        """Names of its interfaces, without reading a key."""
        found = (file.stem for file in self.file("wireguard").glob("*.conf"))
        return sorted(self.interfaces) or sorted(found)

    def wireguard(self) -> dict[str, wireguard.Interface]:
        """Its WireGuard interfaces, by name."""
        return {
            file.stem: wireguard.parse(file.read_text(encoding="utf-8"), name=str(file))
            for file in sorted(self.file("wireguard").glob("*.conf"))
            # What somebody put beside the files of the manifest is none of its interfaces.
            if file.stem in self.interfaces or not self.interfaces
        }

    def calls(self, interface: str) -> frozenset[str]:
        """The public keys of the peers that this end calls first: those whose names come later."""
        return frozenset(
            peer["public"]
            for peer in self.mesh.get(interface, [])
            if self.node is not None and self.node < peer["name"]
        )

    def peer_names(self, interface: str) -> dict[str, str]:
        """Public key to name, for the peers of ``interface``."""
        return {peer["public"]: peer["name"] for peer in self.mesh.get(interface, [])}


def named(machine: Machine, link: Path) -> str | None:
    """The name of the generation that ``link`` leads to; None when it leads nowhere."""
    real = Path(os.path.realpath(link))
    inside = real.parent == Path(os.path.realpath(machine.layout.generations))
    return real.name if inside and real.is_dir() else None


def load(machine: Machine, name: str) -> Generation:
    """Read a generation.

    Raises:
        Refused: There is none of that name, or a newer tool wrote it.
    """
    path = machine.layout.generation(name)
    if name == BIRTH and path.is_dir():
        return Generation(name=name, path=path, node=None, incarnation=0, interfaces={}, mesh={})
    stated = integrity.read(path) if is_generation(name) else None
    if stated is None:
        raise Refused(
            f"generation {name[:16]} is not on this machine",
            "run `pulumi up`: it stages the generation again",
        )
    return Generation(
        name=name,
        path=path,
        node=stated["node"],
        incarnation=stated["incarnation"],
        interfaces=stated["interfaces"],
        mesh=stated["mesh"],
        roles=stated.get("roles", {}),
    )


def damage(machine: Machine, name: str) -> list[str]:
    """What of a generation is not as it was written: paths; empty when it is whole.

    Generation 0 has no manifest: nothing of it can be checked.

    Raises:
        Refused: A newer tool wrote it.
    """
    path = machine.layout.generation(name)
    if name == BIRTH:
        return [] if path.is_dir() else [str(path)]
    stated = integrity.read(path)
    return [MANIFEST] if stated is None else integrity.broken(path, stated)


def require_whole(machine: Machine, name: str) -> Generation:
    """Read a generation that is on disk byte for byte as it was sent.

    Modes and owners are put right on the way, and what does not belong to it is taken out.

    Raises:
        Refused: It is missing or damaged, or a newer tool wrote it.
    """
    generation = load(machine, name)
    if (stated := integrity.read(generation.path)) is not None:
        integrity.tidy(machine.disk, generation.path, stated)
    if broken := damage(machine, name):
        raise Refused(
            f"generation {name} is damaged on disk: {', '.join(broken[:5])}",
            "run the `pulumi up --replace` that `backplane drift` tells: it writes it anew",
        )
    return generation


def manifest(machine: Machine, name: str) -> Mapping[str, Any] | None:
    """What a generation says of its own files; None when it does not."""
    return integrity.read(machine.layout.generation(name))


def write(machine: Machine, bundle: Bundle) -> Generation:
    """Write a bundle's generation durably, or mend the one that is there.

    A new one is written under another name and gets its own in one rename. One that exists has
    the same name because it has the same content, so mending file by file is safe even while
    boot reads it.
    """
    disk, layout = machine.disk, machine.layout
    disk.ensure_directory(layout.generations)
    sweep(machine)
    final = layout.generation(bundle.generation)
    if final.is_dir():
        _mend(machine, bundle, final)
        return load(machine, bundle.generation)
    new = layout.generations / f"{_NEW}{secrets.token_hex(4)}"
    try:
        _write_new(machine, bundle, new)
        disk.rename(new, final)
    except OSError:
        # Most likely a full disk: what has been written only makes that worse.
        with contextlib.suppress(OSError):
            disk.remove_tree(new)
        raise
    disk.sync_directory(layout.generations)
    return load(machine, bundle.generation)


def stage(machine: Machine, name: str) -> None:
    """Make ``name`` the generation staged last."""
    machine.disk.point(machine.layout.staged, f"generations/{name}")


def confirm(machine: Machine, name: str) -> None:
    """Make boot read ``name`` from now on. This rename is the commit."""
    machine.disk.point(machine.layout.confirmed, f"generations/{name}")


def activate(machine: Machine, name: str) -> None:
    """Make daemons read ``name`` until the next boot."""
    machine.ensure_run()
    machine.disk.point(machine.layout.active, str(machine.layout.generation(name)))


def prune(machine: Machine) -> list[str]:
    """Remove all but the newest five, and never one that is confirmed, staged, active or armed."""
    layout = machine.layout
    held = {named(machine, link) for link in (layout.confirmed, layout.staged, layout.active)}
    held.add(str((machine.recall(layout.armed) or {}).get("generation")))
    stored = sorted(
        (entry for entry in layout.generations.iterdir() if is_generation(entry.name)),
        key=lambda entry: (entry.stat().st_mtime_ns, entry.name),
    )
    removed = [entry.name for entry in stored[:-KEPT] if entry.name not in held]
    for name in removed:
        remove(machine, name)
    sweep(machine)
    return removed


def remove(machine: Machine, name: str) -> None:
    """Remove a generation: first its name in one rename, so that no half of it is ever taken."""
    path = machine.layout.generation(name)
    if not path.exists():
        return
    old = path.with_name(f"{_OLD}{secrets.token_hex(4)}")
    machine.disk.rename(path, old)
    machine.disk.sync_directory(machine.layout.generations)
    machine.disk.remove_tree(old)
    machine.disk.sync_directory(machine.layout.generations)


def sweep(machine: Machine) -> None:
    """Remove what an interrupted write or removal left behind."""
    if machine.layout.generations.is_dir():
        for entry in machine.layout.generations.iterdir():
            if entry.name.startswith((_NEW, _OLD)):
                machine.disk.remove_tree(entry)


def _write_new(machine: Machine, bundle: Bundle, new: Path) -> None:
    disk = machine.disk
    disk.make_directory(new, _OPEN)
    directories = {new}
    for file in bundle.files:
        path = new / file.path
        for parent in reversed(path.relative_to(new).parents[:-1]):
            if new / parent not in directories:
                disk.make_directory(new / parent, _OPEN)
                directories.add(new / parent)
        disk.write(path, file.data, file.mode)
        disk.sync_file(path)
    disk.write(new / MANIFEST, _describe(bundle), 0o600)
    disk.sync_file(new / MANIFEST)
    for directory in sorted(directories, reverse=True):
        disk.sync_directory(directory)


def _mend(machine: Machine, bundle: Bundle, path: Path) -> None:
    for file in bundle.files:
        target = path / file.path
        if not integrity.as_written(target, file.mode, _sha256(file)):
            machine.disk.ensure_directory(target.parent, _OPEN)
            machine.disk.replace(target, file.data, file.mode)
    about = File(path=MANIFEST, mode=0o600, data=_describe(bundle))
    if not integrity.as_written(path / MANIFEST, about.mode, _sha256(about)):
        machine.disk.replace(path / MANIFEST, about.data, about.mode)
    # It is the newest again: pruning goes by this time.
    os.utime(path)


def _sha256(file: File) -> str:
    return hashlib.sha256(file.data).hexdigest()


def _describe(bundle: Bundle) -> bytes:
    stated = {
        "format": FORMAT,
        "generation": bundle.generation,
        "node": bundle.node,
        "incarnation": bundle.incarnation,
        "interfaces": bundle.interfaces,
        "mesh": bundle.mesh,
        "roles": bundle.roles,
        "files": [
            {"path": file.path, "mode": f"{file.mode:04o}", "sha256": _sha256(file)}
            for file in bundle.files
        ],
    }
    return (json.dumps(stated, sort_keys=True) + "\n").encode()
