"""A stack comes back onto a new backend, by the real engine and a cloud on paper.

Also where the mesh has gone on since the backup: machines that came, and machines that went.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from scripts import _sealed
from tests.api_server import ApiServer
from tests.engine.paper import HANDS_OFF, declare
from tests.pulumi_project import Done, PulumiProject


def verb(project: PulumiProject, *words: str, **variables: str) -> Done:
    """Run a verb where the project is, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=project.directory,
        env={**project.env, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    return Done(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def standing(project: PulumiProject, mesh: dict[str, Any]) -> PulumiProject:
    """The lab's mesh in the state and in the cloud on paper; its owner may open backups."""
    key = x25519.Identity.generate()
    folder = project.directory
    folder.with_name("identity").write_text(str(key))
    (folder / "test.recipients").write_text(f"{key.to_public()}\n")
    project.env[_sealed.IDENTITY] = str(folder.with_name("identity"))
    project.program(HANDS_OFF)
    declare(project, mesh)
    project.up()
    return project


def backup(project: PulumiProject) -> str:
    """Take one, as a job does that has not the stack's passphrase."""
    out = project.directory.with_name("b.age")
    words = ("backup", "--stack", "test", "--out", str(out))
    done = verb(project, *words, PULUMI_CONFIG_PASSPHRASE="")
    assert done.code == 0, done.text
    return str(out)


def elsewhere(project: PulumiProject, tmp_path: Path) -> PulumiProject:
    """Another control machine: a copy of the checkout, a backend without a stack."""
    folder, state = tmp_path / "new", tmp_path / "new-state"
    shutil.copytree(project.directory, folder)
    state.mkdir()
    return PulumiProject(
        directory=folder, env={**project.env, "PULUMI_BACKEND_URL": f"file://{state}"}
    )


def ids(api: ApiServer) -> dict[str, int | None]:
    """The servers at the cloud."""
    return {str(server.name): server.id for server in api.client().servers.get_all()}


def test_a_new_control_machine_has_nothing_to_change(
    standing: PulumiProject, tmp_path: Path
) -> None:
    """Restored, a preview is empty and every output is what it was, secrets too.

    With a wrong passphrase of the stack's no stack is made; a second restore finds it done.
    """
    file = backup(standing)
    new = elsewhere(standing, tmp_path)
    wrong = verb(new, "restore", file, PULUMI_CONFIG_PASSPHRASE="wrong")
    assert wrong.code == 1
    assert "incorrect passphrase" in wrong.stderr
    assert json.loads(new.run("stack", "ls", "--json").stdout) == []
    done = verb(new, "restore", file)
    assert done.code == 0, done.text
    assert new.steps() == {}
    assert (new.outputs() == standing.outputs()) is True
    again = verb(new, "restore", file)
    assert "its state is there already" in again.stdout
    look = verb(new, "backup", "--verify", file)
    assert look.code == 0, look.text
    assert "ok: the present state is no newer" in look.stdout


def test_a_machine_that_came_since_is_made_anew(
    standing: PulumiProject, mesh: dict[str, Any], api: ApiServer, tmp_path: Path
) -> None:
    """Its keys are in no state: `recover` finds it by its label, and `up` makes another one.

    No other machine is touched. `recover` without `--force` leaves it.
    """
    file, before = backup(standing), ids(api)
    grown = copy.deepcopy(mesh)
    grown["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    declare(standing, grown)
    standing.up()
    older = verb(standing, "backup", "--verify", file)
    assert older.code == 1, older.text
    assert "older than the present state" in older.stdout
    new = elsewhere(standing, tmp_path)
    assert "is another one than the backup's" in verb(new, "restore", file).stderr
    kept = verb(new, "restore", file, "--keep")
    assert kept.code == 0, kept.text
    assert "note: the machines of hel-c are in no state" in kept.stdout
    lost = ids(api)["hel-c"]
    assert verb(new, "recover", "--stack", "test", "--yes").code == 1
    assert ids(api)["hel-c"] == lost
    cleared = verb(new, "recover", "--stack", "test", "--force")
    assert cleared.code == 0, cleared.text
    assert ids(api) == before
    new.up()
    after = ids(api)
    assert after.pop("hel-c") != lost
    assert after == before
    assert new.steps() == {}


def test_a_machine_that_went_since_is_forgotten(
    standing: PulumiProject, mesh: dict[str, Any], api: ApiServer, tmp_path: Path
) -> None:
    """It is in the old state and not at the cloud: a plain `up` takes it out, and no other."""
    file = backup(standing)
    shrunk = copy.deepcopy(mesh)
    del shrunk["sites"]["fsn"]["nodes"]["fsn-a"]
    declare(standing, shrunk)
    standing.up()
    before = ids(api)
    assert "fsn-a" not in before
    new = elsewhere(standing, tmp_path)
    kept = verb(new, "restore", file, "--keep")
    assert "note: fsn-a came out since: `pulumi up` forgets them" in kept.stdout, kept.text
    new.up()
    assert ids(api) == before
    assert new.steps() == {}


def test_where_no_way_in_is_left_nothing_is_begun(
    standing: PulumiProject, mesh: dict[str, Any], tmp_path: Path
) -> None:
    """Enrollment and management were rotated since: it is said, and `up` refuses before it begins.

    With one of them rotated it does not.
    """
    file = backup(standing)
    new = elsewhere(standing, tmp_path)
    rotated = copy.deepcopy(mesh)
    rotated["planes"] = {"management": {"keys": 2}}
    declare(new, rotated)
    kept = verb(new, "restore", file, "--keep")
    assert "note: the keys of management are other ones since" in kept.stdout, kept.text
    rotated["planes"]["enrollment"] = {"psk": 2}
    declare(new, rotated)
    kept = verb(new, "restore", file, "--keep")
    assert "note: no way in is left to fsn-a, fsn-b, hel-a, hel-b" in kept.stdout, kept.text
    before = new.state_text()
    refused = new.up(check=False)
    assert refused.code != 0
    assert "both ways in would change at once" in refused.text
    assert new.state_text() == before
    del rotated["planes"]["enrollment"]
    declare(new, rotated)
    new.up()
