"""`backplane lab`: what it prints, what it refuses, and a lab on paper."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control import leavings, requirements, switch
from lab.layout import Lab, LabError
from lab.network.namespace import Namespace
from tests.lab.verbs import TestLab, own_name

pytestmark = pytest.mark.lab


def _backplane(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `backplane lab` as a person would."""
    return subprocess.run(
        (sys.executable, "-m", "scripts.cli", "lab", *words),
        capture_output=True,
        text=True,
        check=False,
    )


def test_exec_runs_where_the_runner_is(bare_lab: TestLab) -> None:
    """Exec sees the runner's address and the lab's cloud, and passes the exit status on."""
    name = bare_lab.lab.name
    seen = _backplane("exec", name, "--", "sh", "-c", "ip -o -4 address; echo $HCLOUD_ENDPOINT")
    assert "198.51.100.2/32" in seen.stdout
    assert bare_lab.settings.endpoint in seen.stdout
    assert _backplane("exec", name, "--", "sh", "-c", "exit 7").returncode == 7


def test_env_is_what_a_shell_takes(bare_lab: TestLab) -> None:
    """Evaluated by a shell, env makes the plain `pulumi` of the lab's stack work."""
    name = bare_lab.lab.name
    printed = _backplane("env", name)
    assert printed.returncode == 0, printed.stderr
    done = _backplane(
        "exec", name, "--", "sh", "-c",
        f"{printed.stdout}\npulumi whoami --verbose && curl -s -o /dev/null -w '%{{http_code}}' "
        '-H "Authorization: Bearer $HCLOUD_TOKEN" $HCLOUD_ENDPOINT/locations',
    )  # fmt: skip
    assert f"file://{bare_lab.settings.backend}" in done.stdout, done.stderr
    assert done.stdout.endswith("200")
    token = bare_lab.settings.token_file
    assert len(token.read_text()) == 64
    assert token.stat().st_mode & 0o777 == 0o600


def test_status_of_a_lab_that_is_not_there(bare_lab: TestLab) -> None:
    """Status says up and exits 0 for one that is up; not up and 1 for another; env refuses."""
    there, nowhere = _backplane("status", bare_lab.lab.name, "--json"), own_name("-nowhere")
    assert there.returncode == 0
    assert json.loads(there.stdout)["up"] is True
    missing = _backplane("status", nowhere, "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["servers"] == []
    refused = _backplane("env", nowhere)
    assert refused.returncode == 1
    assert "is not up; run `backplane lab up" in refused.stderr


@pytest.fixture
def paper() -> Iterator[Lab]:
    """A lab on paper."""
    lab = Lab(own_name("-paper"))
    switch.up(lab, paper=True)
    yield lab
    switch.down(lab)


def test_a_lab_on_paper_boots_nothing(paper: Lab) -> None:
    """Its API answers on this computer; it has no namespace, and down ends its process."""
    assert _backplane("status", paper.name, "--json").returncode == 0
    env = json.loads(_backplane("env", paper.name, "--json").stdout)
    script = (
        "import hcloud, os; c = hcloud.Client(os.environ['HCLOUD_TOKEN'], "
        "api_endpoint=os.environ['HCLOUD_ENDPOINT']); print(len(c.locations.get_all()))"
    )
    asked = subprocess.run(
        (sys.executable, "-c", script),
        env={**os.environ, **env}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(asked.stdout) > 1
    assert not Path(f"/run/netns/bp-{paper.name}-core").exists()
    with pytest.raises(LabError, match="on paper"):
        switch.up(paper)
    switch.down(paper)
    assert _backplane("status", paper.name).returncode == 1


def test_what_is_missing_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root, elsewhere than on Linux, or without a program, the fix is named."""
    requirements.check()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        with pytest.raises(LabError, match=r"runs darwin; use a Linux machine, or .*--paper"):
            requirements.check()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(LabError, match="needs root; run it with sudo"):
            requirements.check()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        with pytest.raises(LabError, match=r"the lab needs ip, nft, .*systemd-nspawn"):
            requirements.check()


def test_a_lab_has_a_name_that_fits() -> None:
    """Names that no namespace could bear are refused; the fix is the rule."""
    assert Lab("ok-1").namespace("core") == "bp-ok-1-core"
    for name in ("", "UPPER", "1st", "a" * 21, "with space", shlex.quote("a;b")):
        with pytest.raises(LabError, match="at most 20 lower-case letters"):
            Lab(name)


def test_a_lab_knows_its_own_namespaces_from_others() -> None:
    """No lab's name makes it take another's namespaces for its own."""
    assert Lab().owns("bp-core")
    assert Lab().owns("bp-fw12")
    assert not Lab().owns("bp-x-core")
    assert Lab("x").owns("bp-x-fw3")
    assert not Lab("x").owns("bp-x-fw3-core")
    assert not Lab("x").owns("bp-core")


def test_what_a_killed_run_left_on_its_runner_goes(bare_lab: TestLab, tmp_path: Path) -> None:
    """Tunnel interfaces and the lock of this runner are taken away; others' stay."""
    runner = Namespace(bare_lab.lab.namespace("runner"))
    runner.ip("link add lab-wg0 type veth peer name bp-other")
    runner.ip("link add bp-stays type veth peer name bp-too")
    assert runner.path is not None
    own = tmp_path / f"backplane-0-{runner.path.stat().st_ino}-lab.lock"
    other = tmp_path / "backplane-0-1-lab.lock"
    for lock in (own, other):
        lock.touch()
    try:
        leavings.clear(bare_lab.lab, locks=tmp_path)
        links = {link["ifname"] for link in json.loads(runner.run("ip", "-json", "link"))}
        assert links & {"lab-wg0", "bp-other", "bp-stays"} == {"bp-stays"}
        assert list(tmp_path.iterdir()) == [other]
        leavings.clear(bare_lab.lab, locks=tmp_path)
    finally:
        runner.ip("link delete bp-stays")
