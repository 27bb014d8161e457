"""Installs the Debian packages that the lab needs, after saying so."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.setup import paths
from lab.setup.steps import Say, SetupError, command

_LIST = paths.ROOT / "lab" / "setup" / "packages.txt"
_POLICY = Path("/usr/sbin/policy-rc.d")
_APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0"]
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
_FIX = "see the lines above; `apt-get update` and a working mirror are what it needs"


def wanted() -> list[str]:
    """The packages of the list, without comments."""
    lines = (line.partition("#")[0].strip() for line in _LIST.read_text().splitlines())
    return sorted({line for line in lines if line})


def missing() -> list[str]:
    """The wanted packages that are not installed; all of them where dpkg knows none."""
    form = "${Package} ${db:Status-Status}\n"
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", form, *wanted()], capture_output=True, text=True, check=False
    )
    there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in wanted() if name not in there]


def ensure(say: Say) -> str:
    """Install what is missing; services that come along are not started."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise SetupError(
            "this Linux has no apt-get, and the lab is made of Debian's packages",
            "run it on Debian 12 or newer; `make check` works here",
        )
    absent = missing()
    if not absent:
        return f"all {len(wanted())} there"
    say(f"installing with apt-get: {' '.join(absent)}")
    command([*_APT, "update"], say=say, fix=_FIX, limit=600, env=_QUIET)
    with _nothing_starts():
        command(
            [*_APT, "install", "--yes", "--no-install-recommends", *absent],
            say=say, fix=_FIX, limit=1200, env=_QUIET,
        )  # fmt: skip
    if "openssh-server" in absent and shutil.which("systemctl"):
        # Only its program is needed: tests start an sshd of their own on loopback.
        subprocess.run(
            ["systemctl", "disable", "--quiet", "ssh.service"], capture_output=True, check=False
        )
    return f"installed {len(absent)}: {' '.join(absent)}"


@contextmanager
def _nothing_starts() -> Iterator[None]:
    """While packages are installed no service is started (Debian policy, policy-rc.d)."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
