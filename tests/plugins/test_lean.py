"""Stand-ins start without the SDK, and still speak its language."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hcloud.servers import Server
from pulumi.runtime import rpc

from lab.plugins.common import values
from lab.plugins.hcloud import vendor

BIN = Path(__file__).resolve().parents[2] / "lab" / "plugins" / "bin"

WATCH = """
import sys
from lab.plugins import lean
for name in ("pulumi", "pulumi.runtime"):
    lean.bare(name)
sys.modules["asyncssh"] = lean.Late("asyncssh")
import {module}
late = ("pulumi.output", "asyncssh.connection", "boto3", "hcloud")
print([name for name in late if name in sys.modules])
import asyncssh
print(asyncssh.SSHKey.__name__)
"""


@pytest.mark.parametrize(
    "module",
    [
        "lab.plugins.aws.__main__",
        "lab.plugins.command.__main__",
        "lab.plugins.hcloud.__main__",
        "lab.plugins.language",
        "lab.plugins.random_plugin",
    ],
)
def test_what_takes_long_is_not_loaded(module: str) -> None:
    """A stand-in is ready without SDK, SSH library and cloud client; the second comes by use."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["[]", "SSHKey"]


def test_the_clouds_client_comes_by_its_first_use() -> None:
    """Every name of the vendor's is the client's own; any other name is an error."""
    for name in vendor.__all__:
        assert getattr(vendor, name).__name__ == name
    assert vendor.Server is Server
    with pytest.raises(AttributeError):
        _ = vendor.Sever  # type: ignore[attr-defined]


def test_every_stand_in_starts_lean() -> None:
    """All five programs start by way of the lean launcher."""
    programs = sorted(BIN.glob("pulumi-*"))
    assert len(programs) == 5
    for program in programs:
        assert " -m lab.plugins.lean lab.plugins." in program.read_text()


COLLECTOR = """
import gc, sys
from lab.plugins import lean
print(gc.isenabled(), gc.get_freeze_count() > 0)
lean.loaded()
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_the_collector_rests_until_all_is_loaded(tmp_path: Path) -> None:
    """Off while a stand-in loads; on while it serves, without what was loaded."""
    (tmp_path / "served.py").write_text(COLLECTOR)
    done = subprocess.run(
        [sys.executable, "-m", "lab.plugins.lean", "served"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.splitlines() == ["False False", "True True"]


def test_signatures_are_those_of_the_sdk() -> None:
    """The signature keys that are written down here are the SDK's."""
    assert rpc._special_sig_key == values._KEY
    assert rpc._special_secret_sig == values._SECRET
    assert rpc._special_asset_sig == values._ASSET
    assert rpc._special_archive_sig == values._ARCHIVE
    assert rpc.UNKNOWN in values._UNKNOWN_TEXTS
