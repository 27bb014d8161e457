"""Writing that survives a power cut: every step a method, so that tests can cut between any two."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


class Disk:
    """Primitive effects on a file system, and the safe sequences made of them.

    A file's content is durable after :meth:`sync_file`, its name after :meth:`sync_directory` of
    the directory that holds it (fsync(2), "Notes"). The lab showed both losses with a real cut.
    """

    def make_directory(self, path: Path, mode: int = 0o700) -> None:
        """Make one directory, with ``mode`` whatever the umask says."""
        path.mkdir(mode=mode)
        path.chmod(mode)

    def write(self, path: Path, data: bytes, mode: int) -> None:
        """Create a new file; it never exists with a wider mode than ``mode``."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)

    def sync_file(self, path: Path) -> None:
        """Make the content of one file durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Make the names in one directory durable."""
        self.sync_file(path)

    def link(self, target: str, path: Path) -> None:
        """Create a new symbolic link."""
        path.symlink_to(target)

    def rename(self, source: Path, target: Path) -> None:
        """Put ``source`` in the place of ``target`` in one step."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Remove one file or link, if it is there."""
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory and everything in it."""
        shutil.rmtree(path)

    def ensure_directory(self, path: Path, mode: int = 0o700) -> None:
        """Make ``path`` and what is missing above it, durably."""
        if path.is_dir():
            return
        self.ensure_directory(path.parent, 0o755)
        self.make_directory(path, mode)
        self.sync_directory(path.parent)

    def replace(
        self, path: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None
    ) -> None:
        """Give ``path`` new content: readers, and boot, see the old or the new, never a part."""
        with self._beside(path) as new:
            self.write(new, data, mode)
            if owner is not None:
                os.chown(new, *owner)
            self.sync_file(new)
            self.rename(new, path)
        self.sync_directory(path.parent)

    def point(self, path: Path, target: str) -> None:
        """Make the link ``path`` point to ``target`` in one durable step."""
        with self._beside(path) as new:
            self.link(target, new)
            self.rename(new, path)
        self.sync_directory(path.parent)

    @contextlib.contextmanager
    def _beside(self, path: Path) -> Iterator[Path]:
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            yield new
        except OSError:
            # A full disk must not fill further with left-overs.
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise
