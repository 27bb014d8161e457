"""A dataset of one node, and the copy that another keeps of it: over storage, and nothing else."""

from __future__ import annotations

import re
import shlex
import time

from lab.faults import path
from tests.lab.mesh import Mesh
from tests.node.test_receive import REFUSED

SOURCE, TARGET, OTHER = "fsn-b", "hel-a", "fsn-a"
DATA, COPY = "tank/data", "vault/copies/data"
UNIT = "backplane-replicate-data.service"
MIB = 1 << 20
_LAG = re.compile(
    r'^backplane_replication_lag_seconds\{dataset="vault/copies/data".*\} (\S+)$', re.MULTILINE
)
_KEY = "/run/backplane/active/secrets/zfs/data.key"


def _grow(mesh: Mesh, mib: int, snapshot: str) -> None:
    """Write random data into the source's dataset, and take a snapshot of it."""
    mesh.lab.on(SOURCE).succeed(
        f"head -c {mib}M /dev/urandom >/{DATA}/{snapshot} && sync && zfs snapshot {DATA}@{snapshot}"
    )


def _replicate(mesh: Mesh) -> dict[str, int]:
    """Run the replication; what each plane has carried meanwhile, in bytes."""
    before = _carried(mesh)
    mesh.lab.on(SOURCE).succeed(f"systemctl start {UNIT}", 120)
    return {plane: count - before[plane] for plane, count in _carried(mesh).items()}


def _carried(mesh: Mesh) -> dict[str, int]:
    """What the source has sent on each plane so far, in bytes."""
    told: dict[str, int] = {}
    for line in mesh.lab.on(SOURCE).succeed("wg show all transfer").splitlines():
        interface, _, _, sent = line.split()
        told[interface] = told.get(interface, 0) + int(sent)
    return told


def _copied(mesh: Mesh) -> list[str]:
    ask = f"zfs list -H -t snapshot -o name -r -d 1 {COPY} 2>/dev/null || true"
    return [line.partition("@")[2] for line in mesh.lab.on(TARGET).succeed(ask).split()]


def _same(mesh: Mesh, snapshot: str) -> None:
    """What the copy's snapshot holds is what the source wrote."""
    wanted = mesh.lab.on(SOURCE).succeed(f"sha256sum </{DATA}/{snapshot}")
    clone = "vault/look"
    made = f"zfs clone -o mountpoint=/run/look {COPY}@{snapshot} {clone}"
    target = mesh.lab.on(TARGET)
    try:
        assert target.succeed(f"{made} && sha256sum </run/look/{snapshot}") == wanted
    finally:
        # FUSE lets go of a file system a moment after its last reader.
        target.wait_until_succeeds(f"zfs destroy {clone}")


def test_data_goes_over_storage_alone_and_arrives_whole(mesh: Mesh) -> None:
    """20 MiB at first; then what has come since; a run that was cut short is made again."""
    source = mesh.lab.on(SOURCE)
    source.succeed("systemctl start backplane-sanoid.service")
    assert "autosnap_" in source.succeed(f"zfs list -H -t snapshot -o name -r {DATA}")
    _grow(mesh, 20, "one")
    sent = _replicate(mesh)
    assert sent["wg3"] > 20 * MIB, sent
    assert all(count < MIB for plane, count in sent.items() if plane != "wg3"), sent
    assert "one" in _copied(mesh)
    _same(mesh, "one")
    _grow(mesh, 2, "two")
    sent = _replicate(mesh)
    assert 2 * MIB < sent["wg3"] < 6 * MIB, sent
    _grow(mesh, 8, "three")
    with path.slow(mesh.lab.machine(SOURCE), rate="8mbit"):
        begun = _carried(mesh)["wg3"]
        source.succeed(f"systemctl start --no-block {UNIT}")
        end = time.monotonic() + 60
        while _carried(mesh)["wg3"] < begun + 2 * MIB:
            assert time.monotonic() < end
            time.sleep(0.1)
        source.succeed(f"systemctl stop {UNIT}")
    assert "three" not in _copied(mesh)
    _replicate(mesh)
    assert {"one", "two", "three"} <= {*_copied(mesh)}
    _same(mesh, "three")
    # Nothing to do is no failure; and a copy is mounted nowhere and can't be written.
    _replicate(mesh)
    asked = f"zfs get -H -o value mountpoint,readonly {COPY}"
    assert mesh.lab.on(TARGET).succeed(asked).split() == ["none", "on"]


def _lag(mesh: Mesh) -> float:
    target = mesh.lab.on(TARGET)
    target.succeed("systemctl start backplane-replication.service")
    address = mesh.outputs()["nodes"][TARGET]["addresses"]["monitoring"]["ipv4"]
    text = mesh.lab.on(OTHER).succeed(f"curl -sf http://{address}:9100/metrics")
    (value,) = _LAG.findall(text)
    return float(value)


def test_lag_is_of_what_has_come_and_grows_while_the_source_goes_on(mesh: Mesh) -> None:
    """Right within 5 s; with replication dead it grows although the source makes snapshots."""
    _grow(mesh, 1, "four")
    _replicate(mesh)
    made = mesh.lab.on(SOURCE).succeed(f"zfs get -Hp -o value creation {DATA}@four")
    assert abs(_lag(mesh) - (time.time() - int(made))) < 5
    first = _lag(mesh)
    time.sleep(6)
    _grow(mesh, 1, "five")
    assert 5 < _lag(mesh) - first < 20


def _ssh(mesh: Mesh, *options: str) -> str:
    own, host = (
        mesh.outputs()["nodes"][name]["addresses"]["storage"]["ipv4"] for name in (SOURCE, TARGET)
    )
    pinned = "/run/backplane/active/secrets/zfs/data.hosts"
    words = [
        *("-i", _KEY, "-o", f"UserKnownHostsFile={pinned}", "-o", "BatchMode=yes"),
        *("-o", "IdentitiesOnly=yes", "-o", f"BindAddress={own}", *options, f"root@{host}"),
    ]
    return f"timeout 20 ssh {' '.join(words)} </dev/null"


def test_the_key_may_receive_and_nothing_else(mesh: Mesh) -> None:
    """Every other command, forwarding, a terminal, and the key in other hands: refused."""
    source, target = mesh.lab.on(SOURCE), mesh.lab.on(TARGET)
    sent = [words for words in REFUSED if words and "\x00" not in words]
    ssh = _ssh(mesh)
    script = "".join(f"{ssh} {shlex.quote(words)} 2>/dev/null; echo $?\n" for words in sent)
    assert len(sent) >= 30
    assert source.succeed(script, 300).split() == ["126"] * len(sent)
    for options in (("-N", "-R", "9999:localhost:22", "-o", "ExitOnForwardFailure=yes"), ("-tt",)):
        source.fail(_ssh(mesh, *options))
    assert "open failed" in source.fail(_ssh(mesh, "-W", "127.0.0.1:9100") + " 2>&1")
    key = source.succeed(f"cat {_KEY}")
    carried = "/run/carried.key"
    other = mesh.lab.machine(OTHER).run("sh", "-c", f"umask 077; cat >{carried}", stdin=key)
    assert other.returncode == 0
    host = mesh.outputs()["nodes"][TARGET]["addresses"]["storage"]["ipv4"]
    stolen = f"ssh -i {carried} -o BatchMode=yes -o StrictHostKeyChecking=no root@{host} echo -n"
    said = mesh.lab.on(OTHER).fail(f"{stolen}; rc=$?; rm {carried}; exit $rc")
    assert "Permission denied" in said
    # On management, where people come in, the key opens nothing at all.
    door = mesh.outputs()["nodes"][TARGET]["addresses"]["management"]["ipv4"]
    words = f"ssh -i {_KEY} -o BatchMode=yes -o StrictHostKeyChecking=no root@{door} echo -n"
    assert "Permission denied" in source.fail(words)
    assert "may not do this here" in target.succeed("journalctl -t backplane-node -o cat -n 100")
    _grow(mesh, 1, "six")
    _replicate(mesh)
    assert "six" in _copied(mesh)


def _snapshots(mesh: Mesh, node: str, dataset: str) -> set[str]:
    told = mesh.lab.on(node).succeed(f"zfs list -H -t snapshot -o name -r -d 1 {dataset}")
    return {name.partition("@")[2] for name in told.split()}


def _sanoid(mesh: Mesh, node: str) -> None:
    """Run it; with what there is, not with what its cache of 15 minutes says."""
    mesh.lab.on(node).succeed(
        "rm -f /var/cache/sanoid/snapshots.txt && systemctl start backplane-sanoid.service"
    )


def test_each_end_prunes_what_it_need_not_keep(mesh: Mesh) -> None:
    """A snapshot of a kind that none is kept of goes, on both ends; those to be kept stay."""
    old = "autosnap_2020-01-01_00:00:00_yearly"
    _sanoid(mesh, SOURCE)
    kept = _snapshots(mesh, SOURCE, DATA)
    mesh.lab.on(SOURCE).succeed(f"zfs snapshot {DATA}@{old}")
    _replicate(mesh)
    for node, dataset in ((SOURCE, DATA), (TARGET, COPY)):
        before = _snapshots(mesh, node, dataset)
        assert before == {*kept, old}
        # The age of a snapshot is counted in whole seconds.
        time.sleep(1.1)
        _sanoid(mesh, node)
        assert _snapshots(mesh, node, dataset) == kept


def test_a_run_that_fails_says_so_and_a_pool_that_went_comes_back(mesh: Mesh) -> None:
    """Without its pool the target refuses, and the source's unit has failed; then all is well."""
    source, target = mesh.lab.on(SOURCE), mesh.lab.on(TARGET)
    target.succeed("zpool export vault")
    _grow(mesh, 1, "seven")
    source.fail(f"systemctl start {UNIT}")
    target.succeed("systemctl restart backplane-pools.service")
    _replicate(mesh)
    assert "seven" in _copied(mesh)
    assert mesh.verify()["ok"] is True
