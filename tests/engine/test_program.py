"""The whole program through the real engine, against the lab's cloud on paper."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.engine.paper import declare
from tests.pulumi_project import PulumiProject

# `up` as root still has every privilege; this takes away the one that matters.
UNPRIVILEGED = (
    ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin") if os.geteuid() == 0 else ()
)


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
    assert preview["changeSummary"] == {"create": 53}
    names = {step["urn"].rsplit("::", 1)[-1] for step in preview["steps"]}
    assert {"fsn-a-server", "hel-b-enroll", "mesh-command", "alice-seed"} <= names
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
