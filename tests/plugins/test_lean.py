"""Stand-ins start without the SDK, and still speak its language."""

import subprocess
import sys
from pathlib import Path

import pytest
from pulumi.runtime import rpc

from lab.plugins.common import values

BIN = Path(__file__).resolve().parents[2] / "lab" / "plugins" / "bin"

WATCH = """
import sys
from lab.plugins import lean
for name in ("pulumi", "pulumi.runtime"):
    lean.bare(name)
sys.modules["asyncssh"] = lean.Late("asyncssh")
import {module}
print("pulumi.output" in sys.modules, "asyncssh.connection" in sys.modules)
import asyncssh
print(asyncssh.SSHKey.__name__)
"""


@pytest.mark.parametrize(
    "module",
    [
        "lab.plugins.command.__main__",
        "lab.plugins.hcloud.__main__",
        "lab.plugins.language",
        "lab.plugins.random_plugin",
    ],
)
def test_neither_sdk_nor_ssh_is_loaded(module: str) -> None:
    """A stand-in is ready without the SDK and the SSH library; the latter is there when used."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["False False", "SSHKey"]


def test_every_stand_in_starts_lean() -> None:
    """All four programs start by way of the lean launcher."""
    programs = sorted(BIN.glob("pulumi-*"))
    assert len(programs) == 4
    for program in programs:
        assert " -m lab.plugins.lean lab.plugins." in program.read_text()


def test_signatures_are_those_of_the_sdk() -> None:
    """The signature keys that are written down here are the SDK's."""
    assert rpc._special_sig_key == values._KEY
    assert rpc._special_secret_sig == values._SECRET
    assert rpc._special_asset_sig == values._ASSET
    assert rpc._special_archive_sig == values._ARCHIVE
    assert rpc.UNKNOWN in values._UNKNOWN_TEXTS
