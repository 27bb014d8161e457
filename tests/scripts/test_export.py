"""`backplane export`: where the outputs come from, where the texts go, and what goes wrong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from backplane.render.export import FORMATS, Format, zone
from scripts import cli
from tests.core import exported, golden

DOCUMENT = golden.DIRECTORY / exported.DOCUMENT
OUTPUTS = exported.outputs()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the command left."""

    code: object
    out: str
    err: str


def _export(*words: str | Path, path: str = "/usr/bin:/bin", umask: int = 0o022) -> Told:
    """Run the command as its entry point does, with a PATH and a umask of its own."""
    argv = ["backplane", "export", *map(str, words)]
    env = {"PATH": path, "NO_COLOR": "1", "COLUMNS": "100"}
    out, err, code = io.StringIO(), io.StringIO(), object()
    before = os.umask(umask)
    try:
        with (
            mock.patch.object(sys, "argv", argv),
            mock.patch.dict(os.environ, env),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
        code = ended.value.code
    finally:
        os.umask(before)
    return Told(code=code, out=out.getvalue(), err=err.getvalue())


def _pulumi(folder: Path, prints: str) -> str:
    """A PATH whose pulumi writes its arguments down and prints this."""
    (folder / "printed").write_text(prints, encoding="utf-8")
    program = folder / "pulumi"
    program.write_text(f'#!/bin/sh\necho "$*" > {folder}/asked\ncat {folder}/printed\n')
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_the_stacks_outputs_are_read_without_its_secrets(tmp_path: Path) -> None:
    """Pulumi is asked for the stack's outputs, and not to show secrets; nothing else is asked."""
    masked = {**exported.document(), "runner": "[secret]", "operators": "[secret]"}
    told = _export("json", "--stack", "prod", path=_pulumi(tmp_path, json.dumps(masked)))
    assert told.code == 0, told.err
    assert json.loads(told.out) == exported.document()
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["stack", "output", "--json", "--stack", "prod", "--non-interactive"]


def test_a_stack_without_outputs_is_told(tmp_path: Path) -> None:
    """Where, what, why and the fix, and nothing on stdout."""
    told = _export("hosts", "--stack", "new", path=_pulumi(tmp_path, "{}"))
    assert (told.code, told.out) == (1, "")
    for line in ("where stack new", "why   the stack has no outputs yet", "fix   pulumi up"):
        assert line in told.err


def test_help_lists_every_format() -> None:
    """With a word on each, so that the list is the formats that there are."""
    told = _export("--help").out
    for name, one in FORMATS.items():
        assert f"{name}:" in told, name
        assert one.about.split()[0] in told


@pytest.mark.parametrize("name", ["ansible", "file_sd", "json", "zone"])
def test_a_file_of_outputs_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    """On stdout, and for a format that is one file in the file, which needs no pulumi."""
    text = FORMATS[name].text(OUTPUTS)
    assert _export(name, "--from", DOCUMENT, path="/nonexistent").out == text
    if name != "zone":
        told = _export(name, "--from", DOCUMENT, "--output", tmp_path / "x", path="/nonexistent")
        assert (told.code, told.out) == (0, "")
        assert (tmp_path / "x").read_text(encoding="utf-8") == text


def test_zones_are_a_file_each(tmp_path: Path) -> None:
    """In a folder that is there; without it nothing is made, and the fix is said."""
    told = _export("zone", "--from", DOCUMENT, "--output", tmp_path / "zones")
    assert told.code == 1
    assert f"fix   mkdir {tmp_path}/zones" in told.err
    assert not [*tmp_path.iterdir()]
    (tmp_path / "zones").mkdir()
    assert _export("zone", "--from", DOCUMENT, "--output", tmp_path / "zones").code == 0
    there = {path.name: path.read_text() for path in (tmp_path / "zones").iterdir()}
    assert there == zone.files(OUTPUTS)
    assert {"mgmt.zone", "201.10.in-addr.arpa.zone"} <= {*there}


@pytest.mark.parametrize("name", ["../x.zone", "/x.zone", "a/x.zone", "..", ".", ""])
def test_no_file_is_written_outside_the_folder(name: str, tmp_path: Path) -> None:
    """Whatever a renderer calls its files: one that is no plain name, and none is written."""
    folder = tmp_path / "zones"
    folder.mkdir()
    form = Format(about="x", text=str, files=lambda _: {"mgmt.zone": "x", name: "x"})
    with mock.patch.dict(FORMATS, {"zone": form}):
        told = _export("zone", "--from", DOCUMENT, "--output", folder)
    assert told.code == 1
    assert "names no file inside the folder" in told.err
    assert [*tmp_path.rglob("*")] == [folder]


def test_a_foreign_zone_is_no_path(tmp_path: Path) -> None:
    """The contract refuses a zone that leads out of the folder, before a file is named by it."""
    document = exported.document()
    document["dns"]["zones"]["management"] = "../../tmp/x"
    (tmp_path / "foreign.json").write_text(json.dumps(document))
    told = _export("zone", "--from", tmp_path / "foreign.json", "--output", tmp_path)
    assert told.code == 1
    assert "where dns.zones.management" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.json"]


def test_a_file_is_replaced_whole_and_only_when_it_changes(tmp_path: Path) -> None:
    """The same bytes leave the very file; others come by rename, with the mode it had."""
    target = tmp_path / "targets.json"
    words = ("file_sd", "--output", target, "--from")
    assert _export(*words, DOCUMENT, umask=0o027).code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    target.chmod(0o604)
    first = _which(target)
    assert _export(*words, DOCUMENT).code == 0
    assert _which(target) == first
    document = exported.document()
    document["nodes"]["hel-b"]["retire"] = True
    (tmp_path / "other.json").write_text(json.dumps(document))
    assert _export(*words, tmp_path / "other.json").code == 0
    assert _which(target) != first
    assert stat.S_IMODE(target.stat().st_mode) == 0o604
    assert "hel-b" not in target.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"other.json", "targets.json"}


def _which(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (None, ["what  the outputs cannot be read", "why   No such file or directory"]),
        ("{", ["what  the outputs cannot be read"]),
        ("[]", ["what  these are no outputs"]),
        ('{"version": 2}', ["where version", "what  is `2`", "fix   run `pulumi up`"]),
    ],
)
def test_a_file_that_is_no_outputs_is_told(
    tmp_path: Path, content: str | None, lines: list[str]
) -> None:
    """A file that is not there, broken, something else or of another version; exit code 1."""
    source = tmp_path / "outputs.json"
    if content is not None:
        source.write_text(content)
    told = _export("hosts", "--from", source, "--output", tmp_path / "hosts")
    assert (told.code, told.out) == (1, "")
    assert "Traceback" not in told.err
    for line in lines:
        assert line in told.err
    assert "fix   " in told.err
    assert not (tmp_path / "hosts").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """No folder for the file: told in words, and nothing is left beside it."""
    told = _export("hosts", "--from", DOCUMENT, "--output", tmp_path / "no" / "hosts")
    assert told.code == 1
    assert f"where {tmp_path}/no/hosts" in told.err
    assert "what  the file cannot be written" in told.err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "words", [["sideways"], [], ["hosts", "--stack", "x", "--from", str(DOCUMENT)]]
)
def test_wrong_usage_is_two(words: list[str]) -> None:
    """No such format, none at all, or both a stack and a file; nothing on stdout."""
    told = _export(*words)
    assert (told.code, told.out) == (2, "")
    assert "export" in cli.verbs()
