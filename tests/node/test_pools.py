"""Pools: taken where they are, made where nothing is, and never made over anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node import pools, replication
from node.commands import Result
from node.errors import Refused
from node.receive import FILE as COPIES
from tests.node.model import Box

WANTED = {
    "pools": {
        "tank": {"device": None, "gigabytes": 2},
        "vault": {"device": "/dev/disk/by-id/one", "gigabytes": 0},
    },
    "sources": ["tank/data"],
    "copies": ["vault/copies"],
}


@dataclass(slots=True, kw_only=True)
class World:
    """What ZFS and the disks have here.

    Attributes:
        late: how often ZFS does not answer yet.
        present: pools that are imported.
        lying: pools that a device or a folder holds, to be imported.
        holds: what blkid finds on the device; nothing if it is empty.
        unread: why blkid could not look.
        full: whether the disk is.
        datasets: those there are.
        snapshots: when those of each dataset were made.
        done: every command that changes something.
    """

    late: int = 0
    present: set[str] = field(default_factory=set)
    lying: set[str] = field(default_factory=set)
    holds: str = ""
    unread: str = ""
    full: bool = False
    datasets: list[str] = field(default_factory=list)
    snapshots: dict[str, list[int]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Be `zpool`, `zfs`, `blkid` or `fallocate`."""
        assert not stdin
        assert timeout
        words, code, out, err = " ".join(argv), 0, "", ""
        if argv[:2] == ["zpool", "list"]:
            code, self.late = int(self.late > 0), self.late - 1
            out = "\n".join(sorted(self.present))
        elif argv[:2] == ["zpool", "import"]:
            code = int(argv[-1] not in self.lying)
        elif argv[0] == "blkid":
            code, out = (0, self.holds) if self.holds else (2, "")
            err = self.unread
        elif argv[0] == "fallocate":
            self.done.append(words)
            code = int(self.full)
            Path(argv[-1]).touch()
        elif argv[:2] == ["zfs", "list"] and "snapshot" in argv:
            made = self.snapshots.get(argv[-1])
            code, out = int(made is None), "\n".join(map(str, made or ()))
        elif argv[:2] == ["zfs", "list"]:
            out = "\n".join(self.datasets)
        elif argv[0] != "modprobe":
            self.done.append(words)
        return Result(code=code, out=out, err=err or ("no" if code and argv[0] != "blkid" else ""))


@pytest.fixture
def world(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine whose role wants two pools, with its device attached."""
    made = World()
    monkeypatch.setattr(enrolled.machine.commands, "run", made.run)
    path = enrolled.layout.active / pools.FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(WANTED), encoding="ascii")
    device = enrolled.layout.at("/dev/disk/by-id/one")
    device.parent.mkdir(parents=True)
    device.touch()
    return made


def test_pools_and_datasets_are_made_where_nothing_is(enrolled: Box, world: World) -> None:
    """A file of its size, a device that holds nothing; copies can never be mounted or written."""
    told = pools.pools(enrolled.machine, {})
    assert told == {
        "imported": [],
        "made": ["tank", "vault"],
        "datasets": ["tank/data", "vault/copies"],
    }
    file, device = (
        enrolled.layout.at(path)
        for path in ("/var/lib/backplane-pools/tank", "/dev/disk/by-id/one")
    )
    assert world.done == [
        f"fallocate --length 2000000000 {file}.new",
        f"zpool create tank {file}",
        f"zpool create vault {device}",
        "zfs create -p tank/data",
        "zfs create -p vault/copies",
        "zfs set readonly=on vault/copies",
        "zfs set mountpoint=none vault/copies",
    ]


def test_what_is_there_is_taken_as_it_is(enrolled: Box, world: World) -> None:
    """A pool that is imported is left alone, one that lies there is imported; nothing is made."""
    world.late, world.present, world.lying = 3, {"tank"}, {"vault"}
    world.datasets = ["tank", "tank/data", "vault", "vault/copies"]
    told = pools.pools(enrolled.machine, {})
    assert told == {"imported": ["vault"], "made": [], "datasets": []}
    assert all(line.startswith("zfs set") for line in world.done)


@pytest.mark.parametrize("holds", ['TYPE="ext4"', 'PTTYPE="gpt"'])
def test_nothing_is_made_over_anything(enrolled: Box, world: World, holds: str) -> None:
    """A device with a file system or partitions stays, and is named with what it holds."""
    world.holds, world.present = holds, {"tank"}
    with pytest.raises(Refused, match=r"pool vault: .* holds something else") as told:
        pools.pools(enrolled.machine, {})
    assert holds in told.value.error
    assert world.done == []


def test_a_pool_that_cannot_be_imported_is_nobodys_to_empty(enrolled: Box, world: World) -> None:
    """It may be the user's own: ZFS's words are told, and nothing of emptying."""
    world.holds, world.present = 'TYPE="zfs_member"', {"tank"}
    with pytest.raises(Refused, match="a pool that is not imported: no") as told:
        pools.pools(enrolled.machine, {})
    assert "empty" not in told.value.fix
    assert world.done == []


@pytest.mark.parametrize("where", [0, 9 << 20])
def test_a_device_without_a_signature_is_looked_at_as_well(
    enrolled: Box, world: World, where: int
) -> None:
    """Not all that is somebody's has one; and what cannot be read is not empty."""
    world.present = {"tank"}
    device = enrolled.layout.at("/dev/disk/by-id/one")
    with device.open("r+b") as disk:
        disk.truncate(10 << 20)
        disk.seek(where)
        disk.write(b"data")
    with pytest.raises(Refused, match="holds something else"):
        pools.pools(enrolled.machine, {})
    device.write_bytes(bytes(10 << 20))
    world.unread = "cannot open"
    with pytest.raises(Refused, match="cannot be read"):
        pools.pools(enrolled.machine, {})
    world.unread = ""
    assert pools.pools(enrolled.machine, {})["made"] == ["vault"]


def test_a_file_that_does_not_fit_leaves_none_behind(enrolled: Box, world: World) -> None:
    """The next run begins anew, and takes no half of one for a pool."""
    world.present, world.full = {"vault"}, True
    with pytest.raises(Refused):
        pools.pools(enrolled.machine, {})
    assert list(enrolled.layout.at("/var/lib/backplane-pools").iterdir()) == []
    world.full = False
    assert pools.pools(enrolled.machine, {})["made"] == ["tank"]


def test_a_device_that_is_not_there_and_a_zfs_that_never_answers_are_named(
    enrolled: Box, world: World
) -> None:
    """Neither is made up for."""
    world.present = {"tank"}
    enrolled.layout.at("/dev/disk/by-id/one").unlink()
    with pytest.raises(Refused, match="there is no"):
        pools.pools(enrolled.machine, {})
    world.late = 10_000
    with pytest.raises(Refused, match="ZFS does not answer"):
        pools.pools(enrolled.machine, {})


def test_a_machine_without_the_role_has_nothing_to_do(enrolled: Box, world: World) -> None:
    """The verb may be called all the same."""
    (enrolled.layout.active / pools.FILE).unlink()
    assert pools.pools(enrolled.machine, {}) == {"imported": [], "made": [], "datasets": []}
    assert world.done == []


def test_lag_is_the_age_of_the_newest_snapshot_that_has_come(enrolled: Box, world: World) -> None:
    """Of the copy, whatever the source has; before the first it is without end."""
    path = enrolled.layout.active / COPIES
    path.parent.mkdir(parents=True, exist_ok=True)
    copies = {
        name: {"dataset": f"vault/copies/{name}", "source": "fsn-a", "seconds": 3600, "expand": []}
        for name in ("data", "new")
    }
    path.write_text(json.dumps(copies), encoding="ascii")
    now = int(enrolled.clock.wall())
    world.snapshots = {"vault/copies/data": [now - 500, now - 90, now - 200]}
    assert replication.replication(enrolled.machine, {}) == {"written": "replication.prom"}
    text = enrolled.layout.at("/run/backplane/metrics/replication.prom").read_text()
    labels = '{dataset="vault/copies/data",source="fsn-a"}'
    assert f"backplane_replication_lag_seconds{labels} 90\n" in text
    assert f"backplane_replication_newest_seconds{labels} {now - 90}\n" in text
    assert f"backplane_replication_interval_seconds{labels} 3600\n" in text
    assert (
        'backplane_replication_lag_seconds{dataset="vault/copies/new",source="fsn-a"} inf' in text
    )
