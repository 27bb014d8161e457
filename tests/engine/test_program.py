"""The whole program through the real engine, against the lab's cloud on paper."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api_server import ApiServer, serving
from tests.pulumi_project import PulumiProject

ROOT = Path(__file__).resolve().parents[2]

# `up` as root still has every privilege; this takes away the one that matters.
UNPRIVILEGED = (
    ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin") if os.geteuid() == 0 else ()
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """A cloud of its own."""
    with serving(tmp_path / "api") as server:
        yield server


@pytest.fixture
def mesh() -> dict[str, Any]:
    """The lab's declaration."""
    text = (ROOT / "stacks" / "Pulumi.lab.yaml").read_text()
    declared: dict[str, Any] = yaml.safe_load(text)["config"]["backplane:mesh"]
    return declared


@pytest.fixture
def project(engine: PulumiProject, api: ApiServer) -> PulumiProject:
    """This repository's program as a project of the test's own."""
    engine.env.update(api.environment())
    engine.program(
        f"""
        import runpy, sys
        sys.path.insert(0, {str(ROOT)!r})
        runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
        """
    )
    return engine


def declare(project: PulumiProject, mesh: dict[str, Any]) -> None:
    """Write a declaration into the project's stack file."""
    path = project.directory / "Pulumi.test.yaml"
    stack = yaml.safe_load(path.read_text()) or {}
    stack["config"] = {"throwaway:mesh": mesh}
    path.write_text(yaml.safe_dump(stack))


def things(api: ApiServer) -> int:
    """How many objects the cloud holds."""
    kinds = ("servers", "primary_ips", "firewalls", "ssh_keys")
    return sum(
        int(api.raw("GET", f"/{kind}").json()["meta"]["pagination"]["total_entries"])
        for kind in kinds
    )


def test_preview_shows_the_whole_mesh_and_touches_nothing(
    project: PulumiProject, api: ApiServer, mesh: dict[str, Any]
) -> None:
    """A preview of the lab creates every resource once, makes nothing and asks for no privilege."""
    declare(project, mesh)
    done = subprocess.run(
        [*UNPRIVILEGED, "pulumi", "preview", "--json", "--stack", "test"],
        cwd=project.directory,
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    preview = json.loads(done.stdout)
    assert preview["changeSummary"] == {"create": 54}
    names = {step["urn"].rsplit("::", 1)[-1] for step in preview["steps"]}
    assert {"fsn-a-server", "hel-b-stage", "mesh-command", "alice-seed"} <= names
    assert things(api) == 0


def test_bad_declaration_is_told_whole_and_touches_nothing(
    project: PulumiProject, api: ApiServer, mesh: dict[str, Any]
) -> None:
    """Two mistakes are told in one run, and `up` makes no resource for them."""
    mesh["sites"]["hel"]["id"] = 1
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["colour"] = "red"
    declare(project, mesh)
    done = project.up(check=False)
    assert done.code != 0
    assert "2 mistakes" in done.text
    assert "colour" in done.text
    assert "fix:" in done.text
    assert "Traceback" not in done.text
    assert set(project.resources()) <= {"throwaway-test"}
    assert things(api) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="another user may have password-less sudo")
def test_without_privilege_one_clear_error(
    project: PulumiProject, api: ApiServer, mesh: dict[str, Any]
) -> None:
    """`up` by somebody who may not make interfaces ends at once, says so, and made nothing."""
    declare(project, mesh)
    done = subprocess.run(
        [*UNPRIVILEGED, "pulumi", "up", "--yes", "--skip-preview", "--stack", "test"],
        cwd=project.directory,
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "may not make network interfaces here. Nothing was changed." in told
    assert "password-less sudo" in told
    assert "Traceback" not in told
    assert set(project.resources()) <= {"throwaway-test"}
    assert things(api) == 0
