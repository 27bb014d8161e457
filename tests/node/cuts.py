"""Cutting the tool off between any two of its steps, and what a disk still has after that."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from node.disk import Disk


class Cut(BaseException):
    """The machine, or the tool, is gone."""


@dataclass(slots=True)
class Scissors:
    """Counts steps and cuts before one of them.

    Attributes:
        left: Steps that may still be made; None cuts never.
    """

    left: int | None = None

    def step(self) -> None:
        """One step is about to be made."""
        if self.left is None:
            return
        if self.left == 0:
            raise Cut
        self.left -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """An entry of a directory as it is on disk."""

    inode: int
    mode: int
    target: str | None
    is_directory: bool


@dataclass(slots=True)
class Platter:
    """What survives a power cut: contents and names that were fsynced, and nothing else.

    The hardest case of what fsync(2) allows: a file whose content was not synced is empty, a name
    whose directory was not synced is not there (or still there).
    """

    contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, dict[str, Name]] = field(default_factory=dict)

    def sync_file(self, path: Path) -> None:
        """A file's content reaches the disk."""
        self.contents[path.stat().st_ino] = path.read_bytes()

    def sync_directory(self, path: Path) -> None:
        """A directory's names reach the disk."""
        self.names[path.stat().st_ino] = {
            entry.name: Name(
                inode=entry.lstat().st_ino,
                mode=entry.lstat().st_mode & 0o7777,
                target=str(entry.readlink()) if entry.is_symlink() else None,
                is_directory=entry.is_dir() and not entry.is_symlink(),
            )
            for entry in path.iterdir()
        }

    def sync_all(self, path: Path) -> None:
        """Everything below reaches the disk."""
        self.sync_directory(path)
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                self.sync_all(entry)
            elif not entry.is_symlink():
                self.sync_file(entry)

    def forget(self, path: Path) -> None:
        """A new file or directory may have the number of one that is gone."""
        self.contents.pop(path.lstat().st_ino, None)
        self.names.pop(path.lstat().st_ino, None)

    def restore(self, path: Path) -> None:
        """Make the directory what the disk holds."""
        names = self.names.get(path.stat().st_ino, {})
        whole = {name: self._read(entry) for name, entry in names.items()}
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        for name, tree in whole.items():
            _make(path / name, names[name], tree)
        self.contents.clear()
        self.names.clear()
        self.sync_all(path)

    def _read(self, name: Name) -> "Tree":
        if not name.is_directory:
            return Tree(content=self.contents.get(name.inode, b""))
        inner = self.names.get(name.inode, {})
        return Tree(entries={n: (entry, self._read(entry)) for n, entry in inner.items()})


@dataclass(slots=True)
class Tree:
    """A file's content or a directory's entries, on disk."""

    content: bytes = b""
    entries: "dict[str, tuple[Name, Tree]]" = field(default_factory=dict)


def _make(path: Path, name: Name, tree: Tree) -> None:
    if name.target is not None:
        path.symlink_to(name.target)
        return
    if name.is_directory:
        path.mkdir()
        for inner, (entry, below) in tree.entries.items():
            _make(path / inner, entry, below)
    else:
        path.write_bytes(tree.content)
    path.chmod(name.mode)


class CutDisk(Disk):
    """A real disk that can be cut before each step, and that knows what it has synced."""

    def __init__(self, scissors: Scissors, platter: Platter) -> None:
        self._scissors = scissors
        self._platter = platter

    def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """A step."""
        self._scissors.step()
        super().make_directory(path, mode)
        self._platter.forget(path)

    def write(self, path: Path, data: bytes, mode: int) -> None:
        """Two steps: a file may be cut in its middle."""
        self._scissors.step()
        super().write(path, data[: len(data) // 2], mode)
        self._platter.forget(path)
        self._scissors.step()
        path.write_bytes(data)

    def sync_file(self, path: Path) -> None:
        """A step; the platter stands for the disk, so nothing real needs to wait."""
        self._scissors.step()
        self._platter.sync_file(path)

    def sync_directory(self, path: Path) -> None:
        """A step."""
        self._scissors.step()
        self._platter.sync_directory(path)

    def link(self, target: str, path: Path) -> None:
        """A step."""
        self._scissors.step()
        super().link(target, path)
        self._platter.forget(path)

    def rename(self, source: Path, target: Path) -> None:
        """A step."""
        self._scissors.step()
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        """A step."""
        self._scissors.step()
        super().remove(path)

    def remove_tree(self, path: Path) -> None:
        """As many steps as there are files in it."""
        for entry in sorted(path.rglob("*"), reverse=True):
            self._scissors.step()
            if entry.is_dir() and not entry.is_symlink():
                entry.rmdir()
            else:
                entry.unlink()
        self._scissors.step()
        path.rmdir()
