"""A backup as an archive: what went in comes out, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
from typing import Any

import pytest

from scripts._archive import MANIFEST, MEMBERS, SETTINGS, STATE, Backup, Broken, State, unpack

TIME = "2026-03-01T12:00:00.123456789Z"


def state(time: str = TIME, resources: int = 2, **more: Any) -> bytes:  # noqa: ANN401 - of an export
    """An export of stack prod."""
    made = [{"urn": f"urn:pulumi:prod::backplane::t::r{n}", "type": "t"} for n in range(resources)]
    deployment = {"manifest": {"time": time}, "resources": made, **more}
    return json.dumps({"version": 3, "deployment": deployment}).encode()


def backup(**about: Any) -> Backup:  # noqa: ANN401 - of a manifest
    """A backup of stack prod."""
    told = {"project": "backplane", "stack": "prod", "taken": "2026-03-01T13:00:00Z", **about}
    return Backup(about=told, raw_state=state(), settings=b"encryptionsalt: v1:x\n")


def archive(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """An archive that nobody checked."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for name, held in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(held), kind, "/etc/passwd"
            made.addfile(info, io.BytesIO(held))
    return packed.getvalue()


def members(packed: bytes) -> dict[str, bytes]:
    """What an archive has, read by other means."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as held:
        return {one.name: (held.extractfile(one) or io.BytesIO()).read() for one in held}


def test_what_went_in_comes_out() -> None:
    """State and settings to the byte, the manifest to the word; a plain tar opens it too."""
    made = backup(commit="abc")
    found = unpack(made.pack())
    assert (found.raw_state, found.settings) == (made.raw_state, made.settings)
    assert found.about == made.about
    assert (found.stack, found.project) == ("prod", "backplane")
    assert (found.state.resources, found.state.pending, found.state.saved) == (2, 0, TIME)
    assert list(members(made.pack())) == list(MEMBERS)


@pytest.mark.parametrize("name", [STATE, SETTINGS])
def test_a_member_that_was_exchanged_is_found(name: str) -> None:
    """The manifest has a hash of each."""
    held = members(backup().pack())
    held[name] = held[name].replace(b"1", b"2")
    with pytest.raises(Broken, match=f"{name} is not what its manifest says"):
        unpack(archive(held))


def test_nothing_else_is_a_backup() -> None:
    """Missing, double, strange and linked members, another format, no archive, half an archive."""
    whole = members(backup().pack())
    manifest = json.loads(whole[MANIFEST])

    def changed(**other: Any) -> bytes:  # noqa: ANN401 - fields of a manifest
        return archive({**whole, MANIFEST: json.dumps({**manifest, **other}).encode()})

    wrong = {
        "no archive": b"no",
        "it is no archive": backup().pack()[:-40],
        "that no backup has": archive({**whole, "../x": b""}),
        "which no backup has|that no backup has": archive(whole, tarfile.SYMTYPE),
        "missing": archive({name: held for name, held in whole.items() if name != SETTINGS}),
        "its format is 2": changed(format=2),
        "of which project": changed(project=7),
        "not that of stack test": changed(stack="test"),
        "not that of stack prod of other": changed(project="other"),
        "manifest cannot be read": archive({**whole, MANIFEST: b"[]"}),
        "cannot be read|read$": changed(sha256=7),
    }
    for why, packed in wrong.items():
        with pytest.raises(Broken, match=why):
            unpack(packed)
    assert unpack(archive(whole)).stack == "prod"


@pytest.mark.parametrize(
    "about",
    [
        {"version": 7},
        {"commit": "a\x1b[2J"},
        {"commit": ["a"]},
        {"changed": "yes"},
        {"taken": "now\n"},
        {"origin": None},
        {"state": []},
        {"state": {"saved": "x\x1b[31m"}},
        {"state": {"resources": "2"}},
        {"needs": 7},
        {"needs": {"clouds": "aws"}},
        {"needs": {"clouds": [7]}},
        {"needs": {"clouds": ["aws\x07"]}},
        {"needs": {"runner": "x\r"}},
    ],
)
def test_a_manifest_of_another_form_is_refused(about: dict[str, Any]) -> None:
    """Other types, and what a terminal would obey; words that are not known are let be."""
    with pytest.raises(Broken, match="another form"):
        unpack(backup(**about).pack())
    assert unpack(backup(version="1", needs={"clouds": ["aws"]}, later=7).pack())


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (b"- a\n", "no stack's file"),
        (b"text\n", "no stack's file"),
        (b"7: a\n", "no stack's file"),
        (b"a: {\n", "no YAML"),
        (b"a: \xff\n", "no YAML"),
        (b"a: 2026-02-30\n", "no YAML"),
        (b"[" * 5_000, "no YAML"),
    ],
)
def test_settings_that_are_no_stacks_file_are_refused(settings: bytes, why: str) -> None:
    """A mapping with text keys, or nothing at all."""
    with pytest.raises(Broken, match=why):
        unpack(dataclasses.replace(backup(), settings=settings).pack())
    assert unpack(dataclasses.replace(backup(), settings=b"").pack()).settings == b""


@pytest.mark.parametrize(
    "more", [{"manifest": [7]}, {"manifest": {"time": "\x1b[2J"}}, {"pending_operations": 7}]
)
def test_a_state_of_another_form_is_refused(more: dict[str, Any]) -> None:
    """Before anybody shows it."""
    held = state()
    told = json.loads(held)
    told["deployment"] |= more
    with pytest.raises(Broken, match="no export of a stack"):
        unpack(dataclasses.replace(backup(), raw_state=json.dumps(told).encode()).pack())


def test_a_member_beyond_all_size_is_not_read() -> None:
    """A header alone that tells of a terabyte: refused before a byte of it is."""
    info = tarfile.TarInfo(MANIFEST)
    info.size = 1 << 40
    with pytest.raises(Broken, match="is larger than"):
        unpack(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"deployment": 1}', b"\xff"])
def test_what_is_no_export_is_no_state(text: bytes) -> None:
    """It is said, not a traceback."""
    with pytest.raises(Broken, match="no export of a stack"):
        State.read(text)


def test_newer_is_by_the_engines_clock() -> None:
    """By the instant, whatever zone and digits it is written in; an empty state is never newer."""
    then = State.read(state())
    assert State.read(state("2026-03-01T12:00:00.2Z")).newer_than(then)
    assert State.read(state("2026-03-01T14:00:00+01:00")).newer_than(then)
    assert not State.read(state("2026-03-01T12:30:00+01:00")).newer_than(then)
    assert not State.read(state("2026-03-01T12:00:00.1Z")).newer_than(then)
    assert not then.newer_than(then)
    assert not State.read(state("2027-01-01T00:00:00Z", resources=0)).newer_than(then)
    assert State.read(state(pending_operations=[{}])).pending == 1


def test_its_repr_tells_no_content() -> None:
    """A backup in a traceback is a name and a time."""
    assert repr(backup()) == "Backup(prod, 2026-03-01T13:00:00Z)"
