"""The control machine and the state are lost; a checkout and one file bring both back.

Then with a backup that is older than the mesh, by the way in that it still opens.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backplane.render.operator import interface_name
from scripts import _sealed
from tests.lab.mesh import STACK, Declaration, Mesh, checkout

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
PHRASE = "words for the drill alone"
MINUTES = 5.0
"""What a rebuild may take, from the loss to a mesh that was verified and changed."""


@pytest.fixture(scope="module")
def kept(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder elsewhere with a backup, and the passphrase in a file of the environment's."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "phrase").write_text(PHRASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(_sealed.PASSPHRASE_FILE, str(folder / "phrase"))
        # The file says something that the repository's does not: it has gone on since the clone.
        mesh.declare(lambda declared: declared.update(timer=121))
        mesh.must("up", "--yes", "--skip-preview")
        words = ("backup", "--stack", STACK, "--passphrase", "--out", str(folder / "b.age"))
        done = mesh.backplane(*words)
        assert done.code == 0, done.err
        yield folder


def lose(mesh: Mesh, name: str) -> None:
    """The machine that ran `pulumi` is gone: checkout, backend, tunnel; a new copy is there."""
    mesh.backplane("tunnel", "down", "--stack", STACK)
    for plane in ("wg0", "wg1"):
        assert mesh.run("ip", "link", "show", interface_name(STACK, plane)).code != 0
    lose_state(mesh)
    shutil.rmtree(mesh.project)
    mesh.project = checkout(mesh.folder / name)


def lose_state(mesh: Mesh) -> None:
    """The backend is empty."""
    shutil.rmtree(mesh.lab.settings.backend)
    mesh.lab.settings.backend.mkdir(mode=0o700)


def live(mesh: Mesh) -> dict[str, dict[str, str]]:
    """The public key that each node shows on each plane."""
    found = {}
    for name in NODES:
        lines = mesh.lab.on(name).succeed("wg show all public-key").splitlines()
        found[name] = dict(line.split("\t") for line in lines)
    return found


def digest(outputs: dict[str, Any]) -> str:
    """Outputs with their secrets, to compare: never in what a failure prints."""
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def steps(mesh: Mesh) -> set[str]:
    """What a preview would do."""
    return {step["op"] for step in json.loads(mesh.must("preview", "--json").out)["steps"]}


def ways(mesh: Mesh) -> dict[str, tuple[bool, bool]]:
    """By which of wg0 and wg1 each node answers the runner."""
    done = mesh.backplane("status", "--stack", STACK, "--json", "--wait", "5")
    assert done.out, done.err
    nodes = json.loads(done.out)["nodes"]
    return {name: (node["wg0"], node["wg1"]) for name, node in nodes.items()}


def rotate(mesh: Mesh, slot: str, epoch: int) -> None:
    """Raise a plane's key epoch, `pulumi up`."""

    def edit(declared: Declaration) -> None:
        declared.setdefault("planes", {}).setdefault(slot, {})["keys"] = epoch

    mesh.declare(edit)
    mesh.must("up", "--yes", "--skip-preview")


def restored(mesh: Mesh, kept: Path, *words: str) -> str:
    """`backplane restore` comes through; what it said."""
    done = mesh.backplane("restore", str(kept / "b.age"), *words)
    assert done.code == 0, done.err
    return done.out


def test_a_lost_control_machine_is_rebuilt(
    mesh: Mesh,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Same addresses, same keys, no change in a preview, verified, and a change goes through.

    A wrong passphrase, one flipped byte, another project and another file change nothing.
    """
    before, keys = digest(mesh.outputs()), live(mesh)
    servers = {name: server["id"] for name, server in mesh.servers().items()}
    lose(mesh, "rebuilt")
    began = time.monotonic()
    file = kept / "b.age"
    sealed = file.read_bytes()
    wrong, flipped = kept / "wrong", kept / "flipped.age"
    wrong.write_text("other words than those")
    flipped.write_bytes(sealed[:-9] + bytes([sealed[-9] ^ 1]) + sealed[-8:])
    with monkeypatch.context() as patch:
        patch.setenv(_sealed.PASSPHRASE_FILE, str(wrong))
        assert "cannot be opened" in mesh.backplane("restore", str(file)).err
    assert "cannot be opened" in mesh.backplane("restore", str(flipped)).err
    project = mesh.project / "Pulumi.yaml"
    text = project.read_text()
    project.write_text(text.replace("name: backplane", "name: elsewhere"))
    assert "of another project" in mesh.backplane("restore", str(file)).err
    project.write_text(text)
    assert "is another one than the backup's" in mesh.backplane("restore", str(file)).err
    assert json.loads(mesh.run("pulumi", "stack", "ls", "--json").out) == []

    assert "done: state imported" in restored(mesh, kept, "--force")
    assert "its state is there already" in restored(mesh, kept)
    assert steps(mesh) == {"same"}
    assert digest(mesh.outputs()) == before
    assert mesh.verify()["ok"] is True
    minutes = (time.monotonic() - began) / 60
    assert live(mesh) == keys
    assert {name: server["id"] for name, server in mesh.servers().items()} == servers
    rotate(mesh, "management", 2)
    assert mesh.verify()["ok"] is True
    record_property("minutes", minutes)
    assert minutes < MINUTES


@pytest.mark.long
def test_a_backup_from_before_a_rotation_comes_in_by_the_other_way(mesh: Mesh, kept: Path) -> None:
    """Management's keys are other ones since: wg1 is shut, wg0 is not, and a plain `up` heals it.

    While the newer state is there, the backup says that it is older, and is not restored.
    """
    look = mesh.backplane("backup", "--verify", str(kept / "b.age"))
    assert look.code == 1
    assert "older than the present state" in look.out
    refused = mesh.backplane("restore", str(kept / "b.age"), "--keep")
    assert refused.code == 1
    assert "its state is newer than the backup" in refused.err
    keys = live(mesh)
    lose_state(mesh)
    said = restored(mesh, kept, "--keep")
    assert "note: the keys of management are other ones since" in said
    assert ways(mesh) == dict.fromkeys(NODES, (True, False))
    mesh.must("up", "--yes", "--skip-preview")
    assert ways(mesh) == dict.fromkeys(NODES, (True, True))
    assert mesh.verify()["ok"] is True
    after = live(mesh)
    for name in NODES:
        assert after[name]["wg1"] != keys[name]["wg1"]
        assert {**after[name], "wg1": ""} == {**keys[name], "wg1": ""}
