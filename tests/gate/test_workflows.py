"""The workflows: linted, pinned, unprivileged where strangers write, and nothing but scripts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ON_CI
from tests.gate import tree

FOLDER = tree.ROOT / ".github"
SCRIPTS = FOLDER / "scripts"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yaml"))
_CALL = re.compile(r"\.github/scripts/([a-z]+\.sh)( \"[^\"$]*\"| \"\$[A-Z]+\"| [a-z/-]+)*")
_PINNED = re.compile(r"uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# The first run fetches actionlint's modules and compiles them; later ones come out of Go's cache.
_LIMIT = 540


def _jobs(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(path.read_text())["jobs"].values())


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in _jobs(path) for step in job["steps"]]


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """In none of them; in one with a mistake it does."""
    if shutil.which("go") is None:
        assert not ON_CI, "CI needs go, which runs actionlint"
        pytest.skip("actionlint needs `go` on PATH (https://go.dev/dl)")
    broken = tmp_path / "broken.yaml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-in:", 1))

    def lint(*files: Path) -> subprocess.CompletedProcess[str]:
        asked = ["go", "tool", "actionlint", "-no-color", *map(str, files)]
        folder = Path(__file__).parent / "go"
        return subprocess.run(
            asked, cwd=folder, capture_output=True, text=True, check=False, timeout=_LIMIT
        )

    done = lint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "runs-in" in lint(broken).stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=tree.short)
def test_a_workflow_runs_scripts_and_actions_that_are_pinned(path: Path) -> None:
    """Each `run` is a call of a script beside it, each action a commit; no right by default."""
    document = yaml.safe_load(path.read_text())
    assert document["permissions"] == {}
    assert all("timeout-minutes" in job for job in _jobs(path))
    for step in _steps(path):
        if "run" in step:
            found = _CALL.fullmatch(step["run"])
            assert found, step["run"]
            assert os.access(SCRIPTS / found[1], os.X_OK)
    used = [line.strip().removeprefix("- ") for line in path.read_text().splitlines()]
    used = [line for line in used if line.startswith("uses:")]
    assert used
    assert all(_PINNED.fullmatch(line) for line in used), used
    assert all(
        step["with"]["persist-credentials"] is False
        for step in _steps(path)
        if step.get("uses", "").startswith("actions/checkout@")
    )


def test_where_strangers_write_there_is_no_secret() -> None:
    """The report runs the base's program, reads the head as text, and may write comments alone."""
    text = (FOLDER / "workflows" / "report.yaml").read_text()
    document = yaml.safe_load(text)
    # YAML 1.1 reads `on` as true.
    assert set(document[True]) == {"pull_request_target"}
    assert "secrets." not in text
    assert "environment" not in document["jobs"]["report"]
    rights = document["jobs"]["report"]["permissions"]
    assert rights == {"contents": "read", "pull-requests": "write"}
    # Nothing keeps it from running: a required check that does not run keeps all from merging.
    assert document[True]["pull_request_target"] is None
    program, before, after = document["jobs"]["report"]["steps"][:3]
    assert set(program["with"]) == {"persist-credentials"}
    for step, path in ((before, "before"), (after, "proposed")):
        assert (step["with"]["path"], step["with"]["sparse-checkout"]) == (path, "stacks")
    assert after["with"]["ref"].endswith("/merge")


def test_where_secrets_are_somebody_must_let_it() -> None:
    """Each job with a secret is in an environment, and none runs for a fork."""
    for path in WORKFLOWS:
        for job in _jobs(path):
            if "secrets." in json.dumps(job):
                assert "${{ matrix.stack }}" in job["environment"]
                assert job["strategy"]["matrix"]["stack"] == ["staging", "prod"]
    assert (
        "head.repo.full_name == github.repository"
        in _jobs(FOLDER / "workflows/preview.yaml")[0]["if"]
    )
    assert yaml.safe_load((FOLDER / "workflows/up.yaml").read_text())[True].keys() == {
        "push",
        "workflow_dispatch",
    }
    official = (FOLDER / "workflows" / "official.yaml").read_text()
    assert "secrets." not in official
    assert "HCLOUD_TOKEN" not in official
    for name in ("up", "drift", "audit", "backup"):
        (job,) = _jobs(FOLDER / "workflows" / f"{name}.yaml")
        assert job["if"] == "github.ref == 'refs/heads/main'"
        assert job["concurrency"] == {
            "group": f"{name}-${{{{ matrix.stack }}}}",
            "cancel-in-progress": False,
        }


def test_who_backs_up_can_open_nothing() -> None:
    """The job has no passphrase, no token of a cloud and no way into the mesh; others have."""
    text = (FOLDER / "workflows" / "backup.yaml").read_text()
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"PULUMI_ACCESS_TOKEN"}
    assert "sudo" not in text + (SCRIPTS / "backup.sh").read_text()
    (job,) = _jobs(FOLDER / "workflows" / "backup.yaml")
    kept = job["steps"][-1]["with"]
    assert kept["if-no-files-found"] == "error"
    assert kept["retention-days"] >= 30
    drift = (FOLDER / "workflows" / "drift.yaml").read_text()
    assert len(set(re.findall(r"secrets\.(\w+)", drift))) > 1
