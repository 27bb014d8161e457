"""Replications: who gets which role, which key and which words, and nobody else."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane import copies, keys
from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render.bundle import BundleFile, bundle
from backplane.roles import ROLES, Parts, replica
from backplane.roles.base import HostKey, PrivateKey, PublicKey
from tests.core import example, golden

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")


def raw(**settings: Any) -> dict[str, Any]:  # noqa: ANN401 - as a declaration has them
    """Two nodes with pools, and one replication between them."""
    made = example.raw()
    made["sites"]["fsn"]["nodes"]["fsn-a"]["pools"] = {"tank": {"device": "/dev/disk/by-id/one"}}
    made["sites"]["hel"]["nodes"]["hel-b"]["pools"] = {"vault": {"file": 20}}
    one = {"source": "fsn-a", "dataset": "tank/data", "target": "hel-b", "into": "vault/copies"}
    return {**made, "replicate": {"data": {**one, **settings}}}


def _mesh(declared: dict[str, Any]) -> Plan:
    return plan(parse(declared), project="x", stack="y")


def _bundle(made: example.Material, name: str) -> dict[str, BundleFile]:
    return bundle(made.plan, name, made.identities[name], made.cards, made.roots).files()


def _parts(mesh: Plan, role: str, node: str) -> Parts:
    make = ROLES[role].parts
    assert make is not None
    return make(mesh, mesh.node(node))


@pytest.mark.parametrize(
    ("node", "role"), [("fsn-a", "zfs"), ("hel-b", "zfs"), ("hel-b", "replica")]
)
def test_both_ends_read_as_looked_at(node: str, role: str) -> None:
    """Pools, snapshots, the command line of syncoid, and what the target has of it."""
    parts = _parts(_mesh(raw(compress="lz4", kept={"daily": 90})), role, node)
    for path, text in {**parts.files, **parts.units}.items():
        golden.compare(f"copies/{node}/{path}", text)


def test_roles_and_the_door_on_storage_follow_from_pools_and_replications() -> None:
    """Role zfs where a pool is, replica and TCP 22 of storage at the target alone."""
    mesh = _mesh(raw())
    for name in NODES:
        roles = set(mesh.node(name).roles)
        assert ("zfs" in roles) == (name in {"fsn-a", "hel-b"})
        assert ("replica" in roles) == (name == "hel-b")
        doors = {(one.slot, one.port) for one in mesh.openings(name) if one.role == "replica"}
        assert doors == ({("storage", 22)} if name == "hel-b" else set())


def test_without_storage_there_is_no_way_for_copies() -> None:
    """The declaration is refused; a plan from elsewhere would bring neither role nor unit."""
    declared = raw()
    del declared["replicate"]
    mesh = _mesh({**declared, "planes": {"storage": {"use": False}}})
    assert "replica" not in mesh.node("hel-b").roles
    assert set(_parts(mesh, "zfs", "fsn-a").units) == {"backplane-pools.service"}


def test_only_the_source_has_the_private_key_and_it_fits_the_targets_public_one() -> None:
    """A key of the replication's own, from storage's PSK root; the target's host key is pinned."""
    assert _parts(_mesh(raw()), "zfs", "fsn-a").secrets == {
        "data.key": (PrivateKey(owner="data"),),
        "data.hosts": ("10.203.2.2 ", HostKey(owner="hel-b"), "\n"),
    }
    assert _parts(_mesh(raw()), "zfs", "hel-b").secrets == {}
    (line,) = _parts(_mesh(raw()), "replica", "hel-b").secrets.values()
    assert line[1] == PublicKey(owner="data")
    made = example.material(raw())
    texts = {name: _bundle(made, name) for name in NODES}
    private = texts["fsn-a"]["secrets/zfs/data.key"]
    assert private.mode == "0600"
    assert private.text.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    pair = keys.replication(made.roots["storage"], "data")
    assert private.text == pair.private.text()
    assert pair.public in texts["hel-b"]["secrets/replica/authorized_keys"].text
    assert made.cards["hel-b"].ssh in texts["fsn-a"]["secrets/zfs/data.hosts"].text
    for name, files in texts.items():
        held = any(pair.private.text() in one.text for one in files.values())
        assert held == (name == "fsn-a")
    other = keys.replication(example.seed("another epoch"), "data")
    assert other.public != pair.public


def test_on_storage_sshd_takes_replications_keys_and_no_persons() -> None:
    """A block for that address alone, with its own file of keys; elsewhere nothing has changed."""
    made = example.material(raw())
    text = _bundle(made, "hel-b")["sshd.conf"].text
    before, _, block = text.partition("Match LocalAddress ")
    assert "ListenAddress 10.203.2.2:22\n" in before
    assert block.splitlines()[0].split(",")[0] == "10.203.2.2"
    assert "AuthorizedKeysFile /run/backplane/active/secrets/replica/authorized_keys" in block
    assert "PermitRootLogin forced-commands-only" in block
    assert "AuthorizedKeysFile /run/backplane/active/authorized_keys" in before
    for name in ("fsn-a", "fsn-b", "hel-a"):
        other = _bundle(made, name)["sshd.conf"].text
        assert "10.203." not in other
        assert "LocalAddress" not in other


@given(
    name=st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True),
    dataset=st.from_regex(r"tank(/[A-Za-z0-9][A-Za-z0-9_.-]{0,20}){1,4}", fullmatch=True),
)
def test_no_word_of_a_declaration_means_anything_to_a_shell_or_to_systemd(
    name: str, dataset: str
) -> None:
    """What syncoid gives goes to a shell; systemd has its own signs. None is in any of ours."""
    declared = raw(dataset=dataset)
    declared["replicate"] = {name: declared["replicate"]["data"]}
    unit = _parts(_mesh(declared), "zfs", "fsn-a").units[f"backplane-replicate-{name}.service"]
    (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert shlex.split(start) == start.split(" ")
    assert not set(start) & set("%$\\\"'`;|&<>(){}*?[]!#~")
    assert start.endswith(f"{dataset} root@10.203.2.2:vault/copies/{name}")


def test_durations_are_read_as_they_are_written() -> None:
    """Minutes, hours, days."""
    assert [copies.seconds(text) for text in ("15m", "4h", "1d")] == [900, 14_400, 86_400]


def test_compression_is_undone_by_the_program_that_syncoid_asks_for() -> None:
    """The target knows of no other; with none it knows of nothing."""
    for compress, program in (
        ("none", []),
        ("lz4", ["lz4", "-dc"]),
        ("zstd-fast", ["zstd", "-dc"]),
    ):
        text = _parts(_mesh(raw(compress=compress)), "replica", "hel-b").files[replica.COPIES]
        assert json.loads(text)["data"]["expand"] == program
