"""`backplane map`: from the plan alone, and of a mesh that was looked at."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from backplane.map import Look
from runner.credentials import VERSION
from scripts import _look, _stack, _verdict, cli
from scripts._causes import Diagnosis
from scripts._examination import Examination
from scripts._stack import Stack
from scripts._survey import Survey
from tests.core import example, maps
from tests.scripts import facts
from tests.scripts.test_status import well

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "pictures" / "lab.svg"


def _run(*words: object) -> Result:
    arguments = ["map", *map(str, words)]
    return CliRunner().invoke(cli.build(arguments), arguments)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on a machine without an engine, a state, a passphrase or a token."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_BACKEND_URL", "HCLOUD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: backplane\nruntime: python\n")
    declared = {"config": {"backplane:mesh": example.raw()}}
    (tmp_path / "Pulumi.lab.yaml").write_text(yaml.safe_dump(declared))
    return tmp_path


def test_a_plan_needs_its_file_alone(project: Path) -> None:
    """Page, picture and JSON, without engine, tunnel or secret; the file is written whole."""
    out = project / "map.html"
    done = _run("--plan", "--stack", "lab", "--out", out)
    assert done.exit_code == 0, done.output
    text = out.read_text()
    assert text.startswith("<!doctype html>")
    assert "of which no machine was asked" in text
    assert "no machine was asked" in done.stderr
    drawn = _run("--plan", "--stack", "lab", "--svg")
    assert drawn.stdout.startswith("<?xml")
    assert drawn.stdout == _run("--plan", "--stack", "lab", "--svg").stdout
    told = json.loads(_run("--plan", "--stack", "lab", "--json").stdout)
    assert [node["name"] for node in told["nodes"]] == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    assert sorted(path.name for path in project.iterdir()) == [
        *("Pulumi.lab.yaml", "Pulumi.yaml", "map.html"),
    ]


def test_what_cannot_be_is_said(project: Path) -> None:
    """A picture as JSON is wrong usage; a stack without a file, or no such folder, is a failure."""
    assert _run("--plan", "--stack", "lab", "--svg", "--json").exit_code == 2
    assert _run("--plan", "--stack", "none").exit_code == 1
    assert _run("--plan", "--stack", "lab", "--out", project / "no" / "map.html").exit_code == 1
    # Without `--plan` the state is read, and there is no engine.
    assert _run("--stack", "lab").exit_code == 1


class _Tunnel:
    """No tunnel."""

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(("silent", "code"), [((), 0), (("hel-a",), 1)])
def test_a_mesh_that_runs_is_looked_at_once(
    silent: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is written either way; the exit code says whether all is well."""
    outputs = maps.outputs()
    outputs["runner"] = {"version": VERSION, "stack": "lab", "nodes": {}, "push_key": "CANARY"}
    looks = []

    async def look(*_: object) -> Look:
        looks.append(1)
        return maps.look(outputs, silent)

    monkeypatch.setattr(_look, "look", look)
    monkeypatch.setattr(_stack, "read", lambda _: Stack(label="lab", outputs=outputs))
    monkeypatch.setattr("runner.credentials.Credentials.tunnel", lambda *_: _Tunnel())
    out = tmp_path / "map.html"
    done = _run("--out", out)
    assert done.exit_code == code, done.output
    assert looks == [1]
    assert ("1 of 4 nodes did not answer" in out.read_text()) == bool(silent)
    assert "CANARY" not in out.read_text()


def test_a_look_is_what_the_other_verbs_found() -> None:
    """Standing, sessions by name, diagnoses and differences, with the moment it was begun."""
    told: dict[str, Any] = facts.outputs()
    for node in told["nodes"].values():
        node["generation"] = "f" * 16
    seen = facts.good()
    lost = replace(seen["fsn-a"], interfaces={**seen["fsn-a"].interfaces, "wg3": {"peers": []}})
    one = Diagnosis(
        rung="tunnel", where="fsn-a", plane="", symptom="s", cause="c", evidence=(), fix="f"
    )
    examined = Examination(
        seen=Survey(facts={**seen, "fsn-a": lost}),
        drift=[maps.difference("fsn-a")],
        routing={},
        diagnoses=[one],
    )
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    look = _look.gathered(told, {name: well() for name in facts.NAMES}, examined, at, 1.5)
    assert (look.at, look.seconds, look.fresh) == ("2026-01-02T03:04:05Z", 1.5, 180)
    assert look.standing["fsn-b"]["confirmed"] == "f" * 16
    assert look.sessions["fsn-b"]["wg3"]["fsn-a"] == 30
    assert look.sessions["fsn-a"]["wg3"] == {}
    assert [entry["symptom"] for entry in look.doctor] == ["s"]
    assert look.drift == [maps.difference("fsn-a")]


def test_sessions_hold_names_alone() -> None:
    """Whatever else a node tells of a peer goes no further."""
    seen = facts.good()["fsn-a"]
    peer = {"name": "fsn-b", "handshake_age": 3, "public_key": "CANARY", "endpoint": "CANARY"}
    told = _verdict.Facts(
        pings={}, tcp={}, interfaces={"wg0": {"peers": [peer]}}, listeners=seen.listeners, failed=()
    )
    assert _look.ages({"fsn-a": told}) == {"fsn-a": {"wg0": {"fsn-b": 3}}}


def test_the_picture_in_the_docs_is_what_the_program_makes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """docs/pictures/draw.sh writes it anew."""
    monkeypatch.chdir(ROOT)
    assert _run("--plan", "--stack", "lab", "--svg").stdout == PICTURE.read_text(encoding="utf-8")
