"""Whether a generation's files are as its manifest says: content, mode, owner, and nothing else."""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.bundle import FORMAT, MANIFEST
from node.disk import Disk
from node.errors import Refused

Manifest = Mapping[str, Any]


def read(path: Path) -> dict[str, Any] | None:
    """The manifest in a generation's directory; None where there is none that fits.

    One that does not say its format is of the first.

    Raises:
        Refused: It is of a newer format than this tool knows.
    """
    try:
        stated = json.loads((path / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    formed = stated.get("format", 1) if isinstance(stated, dict) else None
    if not isinstance(formed, int):
        return None
    if formed > FORMAT:
        raise Refused(
            f"generation {path.name} has the format {formed}; this tool knows none above {FORMAT}",
            "run `pulumi up` from a checkout at least as new as the one that wrote it: "
            "it puts its tool on the machine",
        )
    return stated if stated.get("generation") == path.name else None


def as_written(path: Path, mode: int, sha256: str) -> bool:
    """Whether a file has this content and mode, and is root's."""
    try:
        state = path.lstat()
        kept = (stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid)
        return kept == (mode, os.geteuid(), os.getegid()) and has_content(path, sha256)
    except (FileNotFoundError, NotADirectoryError):
        return False


def has_content(path: Path, sha256: str) -> bool:
    """Whether it is a plain file with this content."""
    try:
        plain = stat.S_ISREG(path.lstat().st_mode)
        return plain and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except (FileNotFoundError, NotADirectoryError):
        return False


def broken(path: Path, manifest: Manifest) -> list[str]:
    """Files that are not as they were written."""
    return [
        entry["path"]
        for entry in manifest["files"]
        if not as_written(path / entry["path"], int(entry["mode"], 8), entry["sha256"])
    ]


def loose(path: Path, manifest: Manifest) -> dict[str, int]:
    """Files whose content is right while mode or owner are not, with the mode they should have."""
    modes = {entry["path"]: (int(entry["mode"], 8), entry["sha256"]) for entry in manifest["files"]}
    return {
        name: modes[name][0]
        for name in broken(path, manifest)
        if has_content(path / name, modes[name][1])
    }


def strays(path: Path, manifest: Manifest) -> list[str]:
    """What lies in the directory and is none of the generation's files."""
    own = {MANIFEST, *(entry["path"] for entry in manifest["files"])}
    found = (file for file in path.rglob("*") if file.is_symlink() or not file.is_dir())
    return sorted({str(file.relative_to(path)) for file in found} - own)


def tidy(disk: Disk, path: Path, manifest: Manifest) -> None:
    """Put modes and owners right, and take out what does not belong there."""
    for name, mode in loose(path, manifest).items():
        os.chown(path / name, os.geteuid(), os.getegid())
        (path / name).chmod(mode)
    for name in strays(path, manifest):
        disk.remove(path / name)
