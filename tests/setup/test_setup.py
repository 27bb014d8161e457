"""Set-up without installing anything: order, failures, memory, refusals and choices."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from lab.setup import __main__ as entry
from lab.setup import attempts, engine, packages, paths, plugins, steps, toolchain


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it, and stand-ins linked nowhere yet."""
    monkeypatch.setenv("BACKPLANE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "links", lambda: tmp_path / "links")
    return tmp_path


def run(*todo: steps.Step) -> tuple[bool, str]:
    """Run steps into a text."""
    console = Console(record=True, width=200, file=io.StringIO(), no_color=True)
    return steps.run(todo, console), console.export_text()


def notes(into: list[str], word: str) -> steps.Work:
    """A step's work that only leaves a note of having been done."""

    def work(_: steps.Say) -> str:
        into.append(word)
        return "there"

    return work


def fails(_: steps.Say) -> str:
    """A step's work that fails."""
    raise steps.SetupError("the mirror is down", "try another mirror")


def test_a_failure_says_step_reason_and_fix_and_stops_what_follows() -> None:
    """The failing step is told with reason and fix, its successor is not begun, others are."""
    began: list[str] = []
    first = steps.Step(name="packages", work=fails)
    second = steps.Step(name="image", work=notes(began, "image"), after=[first])
    other = steps.Step(name="engine", work=notes(began, "engine"))
    good, text = run(first, second, other)
    assert not good
    assert began == ["engine"]
    for words in ("packages: FAILED", "reason: the mirror is down", "fix: try another mirror"):
        assert words in text
    assert "engine: there" in text


def test_steps_run_side_by_side_but_in_order() -> None:
    """Two independent steps meet while both run; a third waits for the first."""
    meeting = threading.Barrier(2, timeout=20)
    order: list[str] = []

    def meet(_: steps.Say) -> str:
        meeting.wait()
        order.append("met")
        return "met"

    one = steps.Step(name="one", work=meet)
    two = steps.Step(name="two", work=meet)
    three = steps.Step(name="three", work=notes(order, "three"), after=[one])
    assert run(one, two, three)[0]
    assert sorted(order) == ["met", "met", "three"]
    assert order[0] == "met"


def test_a_failed_programs_last_lines_are_the_reason() -> None:
    """Exit status and output of a program become the reason; one that works has none."""
    script = "print('line one'); print('line two'); raise SystemExit(3)"
    with pytest.raises(steps.SetupError, match="exit status 3") as caught:
        steps.command([sys.executable, "-c", script], say=print, fix="f", limit=60)
    assert "line two" in caught.value.reason
    steps.command([sys.executable, "-c", "print('fine')"], say=print, fix="f", limit=60)


def test_a_program_that_hangs_is_ended() -> None:
    """After its limit a program is killed, and the reason says how long it had."""
    with pytest.raises(steps.SetupError, match="was not done after 1 s"):
        steps.command(["sleep", "60"], say=print, fix="f", limit=1)


@pytest.mark.usefixtures("empty")
def test_a_failed_download_is_not_tried_again_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is remembered for a day and forgotten after; a broken record counts as none."""
    assert attempts.failed_lately("engine") is None
    attempts.failed("engine", "no route")
    assert attempts.failed_lately("engine") == "no route"
    assert attempts.failed_lately("other") is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    assert attempts.failed_lately("engine") is None
    (paths.cache() / "attempts" / "engine.json").write_text("{")
    assert attempts.failed_lately("engine") is None


@pytest.mark.parametrize(
    ("version", "good"),
    [("3.259.0", True), ("3.272.1", True), ("4.0.0", True), ("3.258.9", False), ("3.99.0", False),
     (None, False)],
)  # fmt: skip
def test_only_a_new_enough_engine_is_taken(version: str | None, good: bool) -> None:  # noqa: FBT001
    """The pinned engine or a newer one is taken, an older one or none is not."""
    assert toolchain.new_enough(version) is good


def test_an_engine_on_path_comes_first(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new enough `pulumi` on PATH is used; one that is too old is passed over."""
    program = empty / "bin" / "pulumi"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    for version, taken in (("3.100.0", False), ("3.300.0", True)):
        program.write_text(f"#!/bin/sh\necho v{version}\n")
        program.chmod(0o755)
        toolchain.version_of.cache_clear()
        found = toolchain.engine()
        assert (found is not None and found.origin == "PATH") is taken
    toolchain.version_of.cache_clear()


def test_bytecode_is_kept_whatever_the_shell_says(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi's Python processes keep what they compile; a shell that says nothing is left alone."""
    (empty / "links").mkdir()
    found = toolchain.Engine(program=empty / "bin" / "pulumi", version="3.300.0", origin="PATH")
    monkeypatch.setattr(toolchain, "engine", lambda: found)
    assert toolchain.environment({"PYTHONDONTWRITEBYTECODE": "1"})["PYTHONDONTWRITEBYTECODE"] == ""
    assert "PYTHONDONTWRITEBYTECODE" not in toolchain.environment({})


@pytest.mark.usefixtures("empty")
def test_without_download_and_go_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine, no installer, no Go: the reason and both ways out are named."""
    attempts.failed("engine", "no route")
    monkeypatch.setattr(toolchain, "engine", lambda: None)
    monkeypatch.setattr(paths, "go_version", lambda: None)
    with pytest.raises(steps.SetupError) as caught:
        engine.ensure(lambda _: None)
    assert "no Go on PATH" in caught.value.reason
    assert "install Go 1.21 or newer" in caught.value.fix
    assert "Pulumi 3.259.0 or newer" in caught.value.fix
    monkeypatch.setattr(paths, "go_version", lambda: "go1.19.8")
    with pytest.raises(steps.SetupError, match=r"go1\.19\.8 on PATH is too old"):
        engine.ensure(lambda _: None)


def test_stand_ins_are_linked_on_request(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stand-in` links all four without asking anybody, `official` refuses, nonsense is told."""
    monkeypatch.setenv("BACKPLANE_PLUGINS", "stand-in")
    plugins.ensure(lambda _: None)
    links = {link.name: link.readlink() for link in (empty / "links").iterdir()}
    assert links == {f"pulumi-{n}": paths.STAND_INS / f"pulumi-{n}" for n in toolchain.PLUGINS}
    assert all(os.access(target, os.X_OK) for target in links.values())
    assert toolchain.stand_ins() == toolchain.PLUGINS
    monkeypatch.setenv("BACKPLANE_PLUGINS", "official")
    monkeypatch.setattr(plugins, "_official", lambda name, _, **_more: f"{name}: no route")
    with pytest.raises(steps.SetupError, match="resource-random: no route"):
        plugins.ensure(lambda _: None)
    monkeypatch.setenv("BACKPLANE_PLUGINS", "mine")
    with pytest.raises(steps.SetupError, match="BACKPLANE_PLUGINS=mine means nothing"):
        plugins.ensure(lambda _: None)


@pytest.mark.usefixtures("empty")
def test_who_wants_official_plugins_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of today is tried again for who takes no stand-in, and the download has time.

    Where a stand-in would do it is not tried again.
    """
    asked: list[float] = []

    def install(*_words: object, timeout: float, **_more: object) -> object:
        asked.append(timeout)
        return subprocess.CompletedProcess((), 255, "", "error: no such plugin")

    found = toolchain.Engine(program=Path("/x/pulumi"), version="3.300.0", origin="PATH")
    monkeypatch.setattr(toolchain, "engine", lambda: found)
    monkeypatch.setattr(toolchain, "official_language", lambda _: True)
    monkeypatch.setattr(subprocess, "run", install)
    for name in toolchain.PLUGINS:
        attempts.failed(name, "no route")
    monkeypatch.delenv("BACKPLANE_PLUGINS", raising=False)
    plugins.ensure(lambda _: None)
    assert asked == []
    monkeypatch.setenv("BACKPLANE_PLUGINS", "official")
    with pytest.raises(steps.SetupError, match="resource-hcloud: error: no such plugin"):
        plugins.ensure(lambda _: None)
    assert len(asked) == sum(name.startswith("resource-") for name in toolchain.PLUGINS)
    assert min(asked) >= 300


def test_an_official_plugin_takes_the_stand_ins_place(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what cannot be had is linked; a link of an earlier set-up goes when it can."""
    monkeypatch.delenv("BACKPLANE_PLUGINS", raising=False)
    missing = {"resource-hcloud", "resource-random"}
    monkeypatch.setattr(
        plugins, "_official", lambda name, _, **_more: "no" if name in missing else ""
    )
    plugins.ensure(lambda _: None)
    assert toolchain.stand_ins() == ("resource-hcloud", "resource-random")
    missing.discard("resource-random")
    plugins.ensure(lambda _: None)
    assert toolchain.stand_ins() == ("resource-hcloud",)
    assert empty.is_dir()


def test_the_lab_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another system or no privilege is one sentence with the way out; root on Linux is none."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert entry.lab_refusal() is None
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert entry.lab_refusal() == (
        "the lab makes namespaces and machines, which needs root: run it with sudo"
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    refusal = entry.lab_refusal()
    assert refusal is not None
    assert "use a Linux machine" in refusal


def test_the_package_list_is_read_without_comments() -> None:
    """Each line is one Debian package; comments and blanks are none."""
    names = packages.wanted()
    assert "systemd-container" in names
    assert names == sorted(set(names))
    assert all(name.replace("-", "").replace(".", "").replace("+", "").isalnum() for name in names)
