"""PostgreSQL is on the plane that the declaration chooses, and lets nobody else in."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.declaration import Image, parse
from backplane.plan import Plan, plan
from backplane.roles import ROLES, Opening, Parts, placed, postgres
from tests.core import example, golden, tools

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
UNIT = "backplane-postgres.service"


def _mesh(plane: str | None, nodes: set[str], network: int = 200) -> Plan:
    raw = {**example.raw(), "network": network}
    if plane is not None:
        raw |= {"postgres": {"plane": plane}, "planes": {"storage": {"name": "bulk"}}}
    for site in raw["sites"].values():
        for name, node in site["nodes"].items():
            node["roles"] = ["postgres"] if name in nodes else []
    return plan(parse(raw), project="x", stack="y")


def _parts(mesh: Plan, name: str) -> Parts:
    make = ROLES["postgres"].parts
    assert make is not None
    return make(mesh, mesh.node(name))


def test_on_storage_and_debian_13_it_reads_as_looked_at() -> None:
    """The other plane, and the other version with its own programs and directory."""
    parts = _parts(_mesh("storage", {"fsn-b"}), "fsn-b")
    for path, text in {**parts.files, **parts.units}.items():
        golden.compare(f"postgres/{path}", text)


@given(
    chosen=st.sampled_from([None, "management", "storage", "bulk"]),
    nodes=st.sets(st.sampled_from(NODES), min_size=1),
    network=st.integers(min_value=0, max_value=250),
)
def test_it_is_where_the_declaration_says(
    chosen: str | None, nodes: set[str], network: int
) -> None:
    """The one port that its nodes open, its addresses and its access list are of one plane."""
    mesh = _mesh(chosen, nodes, network)
    slot = "storage" if chosen in {"storage", "bulk"} else "management"
    for name in NODES:
        ours = {one for one in mesh.openings(name) if one.role == "postgres"}
        door = Opening(slot=slot, proto="tcp", port=5432, role="postgres")
        assert ours == ({door} if name in nodes else set())
        parts, own, plane = _parts(mesh, name), mesh.node(name).addresses[slot], mesh.plane(slot)
        assert f" -c listen_addresses={own.v4},{own.v6} -c port=5432 " in parts.units[UNIT]
        assert f"wg-quick@{plane.interface}.service\n" in parts.units[UNIT]
        lines = [line.split() for line in parts.files["pg_hba.conf"].splitlines()]
        remote = [words for words in lines if words[0] != "local"]
        assert {words[-2] for words in remote} == {plane.supernet4, plane.supernet6}
        assert {words[-1] for words in remote} == {"scram-sha-256"}
        assert {words[-1] for words in lines if words[0] == "local"} == {"peer"}


def test_no_other_role_moves() -> None:
    """Only the roles that are named are on another plane, with all that they are besides."""
    moved = placed({"postgres": "storage"})
    assert {name for name in ROLES if moved[name] != ROLES[name]} == {"postgres"}
    assert moved["postgres"].listens == (("storage", "tcp", 5432),)
    assert placed({}) == ROLES


def test_every_image_has_its_version() -> None:
    """What a declaration may name, Debian's package of it is known."""
    assert set(postgres.MAJORS) == {*get_args(Image)}


@pytest.mark.parametrize("damaged", [False, True])
def test_postgres_itself_judges_its_settings(tmp_path: Path, *, damaged: bool) -> None:
    """Taken by the very command that a node runs; with a word misspelt, refused."""
    parts = _parts(_mesh(None, {"fsn-a"}), "fsn-a")
    ((program, *words),) = parts.checks
    tool = tools.need(program, package="postgresql-15")
    for path, text in parts.files.items():
        (tmp_path / path).write_text(
            text.replace("password_enc", "passwort_enc") if damaged else text, encoding="utf-8"
        )
    well, said = tools.accepts(tool, *(word.replace("{}", str(tmp_path)) for word in words))
    assert well is not damaged, said
    assert ("scram-sha-256\n" in said) is not damaged


def _create(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with an `initdb` that counts how often it is asked."""
    programs, data = folder / "bin", folder / "data" / "15"
    programs.mkdir(exist_ok=True)
    data.parent.mkdir(exist_ok=True)
    stand_in = programs / "initdb"
    stand_in.write_text(
        '#!/bin/sh -eu\nat=${1#--pgdata=}\nmkdir "$at"\necho 15 >"$at/PG_VERSION"\n'
        f"echo >>{folder}/asked\n",
        encoding="ascii",
    )
    stand_in.chmod(0o755)
    script = folder / "create.sh"
    script.write_text(postgres.create(str(programs), str(data)), encoding="ascii")
    return subprocess.run(["sh", script], capture_output=True, text=True, check=False)


def _asked(folder: Path) -> int:
    return len((folder / "asked").read_text(encoding="ascii").splitlines())


def test_a_cluster_is_made_once(tmp_path: Path) -> None:
    """Where there is none, also in an empty directory; what a power cut left over goes."""
    left = tmp_path / "data" / "15.new" / "base"
    left.mkdir(parents=True)
    (tmp_path / "data" / "15").mkdir()
    for _ in range(2):
        assert _create(tmp_path).returncode == 0
    assert _asked(tmp_path) == 1
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["15"]
    assert (tmp_path / "data" / "15" / "PG_VERSION").read_text(encoding="ascii") == "15\n"


def test_what_is_no_cluster_is_left_alone(tmp_path: Path) -> None:
    """Somebody's files in its place: the unit fails and says so, the files stay."""
    own = tmp_path / "data" / "15" / "own"
    own.mkdir(parents=True)
    done = _create(tmp_path)
    assert done.returncode != 0
    assert "not empty" in done.stderr
    assert own.is_dir()
    assert not (own.parent / "PG_VERSION").exists()


def test_shellcheck_finds_nothing_in_the_script(tmp_path: Path) -> None:
    """As in every script of this project."""
    script = tmp_path / "create.sh"
    script.write_text(_parts(_mesh(None, {"fsn-a"}), "fsn-a").files["create.sh"], encoding="ascii")
    well, said = tools.accepts(tools.need("shellcheck"), "--shell=sh", script)
    assert well, said
