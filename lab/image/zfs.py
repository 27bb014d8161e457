"""ZFS for machines that share this computer's kernel: zfs-fuse, by the names of OpenZFS.

A stand-in, and named so: the module of the kernel that `zfs-dkms` builds cannot be had in the lab.
`zfs-dkms` is empty here, and `zfsutils-linux` is Debian's zfs-fuse with a unit that starts without
its init script, which wants to be spared by the kernel's out-of-memory killer and may not; and with
a `zfs` that takes what OpenZFS takes (`openzfs.py`).
"""

from __future__ import annotations

from pathlib import Path

from lab.image import openzfs
from lab.layout import LabError
from lab.process import run

PROGRAM = Path(__file__).with_name("openzfs.py")
"""`zfs` on the machines, in the place of zfs-fuse's own."""

_UNIT = """\
[Unit]
Description=ZFS by FUSE, in the place of the kernel's module
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
Conflicts=shutdown.target
Before=shutdown.target
[Service]
ExecStartPre=mkdir -p /run/zfs /var/lib/zfs
ExecStart=zfs-fuse --no-daemon --pidfile /run/zfs-fuse.pid
ExecStartPost=sh -c 'until zfs mount -a; do sleep 0.2; done'
[Install]
WantedBy=multi-user.target
"""
_POSTINST = """\
#!/bin/sh
set -e
[ "$1" != configure ] || { systemctl daemon-reload; systemctl enable --now zfs-fuse.service; }
"""
_PLACES = ("sbin", "usr/sbin")
_LEFT_OUT = ("etc/init.d", "etc/default", "usr/share", "lib/systemd", "usr/lib/systemd")


def stand_in(repository: Path, work: Path) -> None:
    """Put the two packages beside zfs-fuse, whose programs they are.

    Args:
        repository: where the packages lie that machines are offered.
        work: a directory that is there for this alone.

    Raises:
        LabError: zfs-fuse is not among them.
    """
    found = sorted(repository.glob("zfs-fuse_*.deb"))
    if not found:
        message = f"no zfs-fuse in {repository}: the lab has no ZFS to offer"
        raise LabError(message)
    fields = run("dpkg-deb", "--field", str(found[-1]), "Version", "Architecture", "Depends")
    told = dict(line.split(": ", 1) for line in fields.splitlines())
    tools = work / "zfsutils-linux"
    run("dpkg-deb", "--extract", str(found[-1]), str(tools))
    for path in _LEFT_OUT:
        run("rm", "-rf", str(tools / path))
    unit = tools / "usr/lib/systemd/system/zfs-fuse.service"
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text(_UNIT)
    own = tools / openzfs.OWN.lstrip("/")
    own.parent.mkdir(parents=True, exist_ok=True)
    # Trixie's package has it where bookworm's link leads.
    program = next(tools / at / "zfs" for at in _PLACES if (tools / at / "zfs").exists())
    program.rename(own)
    program.write_text(PROGRAM.read_text())
    program.chmod(0o755)
    _pack(tools, repository, {**told, "Conflicts": "zfs-fuse"}, postinst=_POSTINST)
    _pack(work / "zfs-dkms", repository, {**told, "Depends": "zfsutils-linux"})


def _pack(tree: Path, into: Path, fields: dict[str, str], *, postinst: str = "") -> None:
    control = tree / "DEBIAN"
    control.mkdir(parents=True)
    about = {
        "Package": tree.name,
        "Maintainer": "Backplane's lab",
        "Description": "a stand-in of Backplane's lab: ZFS by FUSE",
    }
    text = "".join(f"{key}: {value}\n" for key, value in {**about, **fields}.items())
    (control / "control").write_text(text)
    if postinst:
        (control / "postinst").write_text(postinst)
        (control / "postinst").chmod(0o755)
    run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(into))
