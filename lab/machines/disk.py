"""A machine's disks: an overlay over the image, and a small file system of its own.

/var/lib/backplane of a machine is ext4 on a loop device over a file. Killing a machine's
processes loses nothing of the host's page cache, so a power cut also shuts that file system
down in the kernel (EXT4_IOC_SHUTDOWN without a flush, which exists to test exactly this):
what was not synced is gone, and what was synced is found by the journal's replay.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
from pathlib import Path

from lab.image.build import ensure
from lab.image.recipe import SUITES
from lab.layout import Lab, LabError
from lab.machines.place import Place
from lab.process import run, wait_until

DATA = "/var/lib/backplane"
"""The directory of a machine for which a power cut is real."""

_SIZE = 1 << 30
# _IOR('X', 125, __u32) and EXT4_GOING_FLAGS_NOLOGFLUSH of the kernel's fs/ext4/ext4.h.
_SHUTDOWN, _WITHOUT_FLUSH = 0x8004587D, 2


def snapshots(lab: Lab) -> Path:
    """Return the directory of the lab's snapshots, one directory each."""
    return lab.state / "snapshots"


def layers(lab: Lab, image: str) -> tuple[Path, ...]:
    """Return the read-only trees of an image, the topmost first.

    Raises:
        LabError: There is no such image or snapshot.
    """
    if image in SUITES:
        return (ensure(image).root,)
    own = snapshots(lab) / image
    if not own.is_dir():
        message = f"image {image}: no such image or snapshot in lab {lab.name}"
        raise LabError(message)
    below = (own / "below").read_text().splitlines()
    return (own / "upper", *(Path(line) for line in below))


def make(place: Place, image: str) -> None:
    """Make a machine's disks afresh, from an image or a snapshot."""
    for tree in (place.upper, place.work):
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
    place.upper.chmod(0o755)
    own = snapshots(place.lab) / image
    place.disk.unlink(missing_ok=True)
    if own.is_dir():
        run("cp", "--sparse=always", str(own / "disk"), str(place.disk))
    else:
        with place.disk.open("wb") as file:
            file.truncate(_SIZE)
        run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", str(place.disk))
    (place.state / "layers").write_text("".join(f"{path}\n" for path in layers(place.lab, image)))


def mounts(place: Place, root: Path, data: Path) -> None:
    """Mount a machine's disks; meant for a mount namespace that ends with the machine."""
    lower = ":".join((place.state / "layers").read_text().split())
    options = f"lowerdir={lower},upperdir={place.upper},workdir={place.work}"
    run("mount", "-t", "overlay", "overlay", "-o", options, str(root))
    run("mount", "-t", "ext4", "-o", "loop", str(place.disk), str(data))


def snapshot(place: Place, image: str) -> None:
    """Copy a machine's disks under a name of their own."""
    made = snapshots(place.lab) / image
    fresh = made.with_name(f".{image}")
    for left in (fresh, made):
        shutil.rmtree(left, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    run("sync", "-f", str(place.disk))
    run("cp", "-a", str(place.upper), str(fresh / "upper"))
    run("cp", "--sparse=always", str(place.disk), str(fresh / "disk"))
    shutil.copyfile(place.state / "layers", fresh / "below")
    fresh.rename(made)


def hold(data: Path) -> int:
    """Open a machine's mounted file system so that it outlives the machine's processes."""
    return os.open(data, os.O_RDONLY | os.O_DIRECTORY)


def cut(held: int) -> None:
    """Cut the power of a file system that `hold` opened, and let go of it."""
    try:
        fcntl.ioctl(held, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
    finally:
        os.close(held)


def detached(place: Place) -> None:
    """Wait until no loop device holds the machine's disk any more."""
    wait_until(
        f"the release of {place.disk}",
        lambda: not run("losetup", "--noheadings", "--associated", str(place.disk)).strip(),
        seconds=30,
    )
