"""Machines and tools of several versions: what an older one passes over, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from node import before, bundle, generations, giveback, questions, takeover, verbs
from node.errors import Refused
from node.heartbeat import Beat, Claim, pack, parse
from node.layout import Layout
from tests.node.found import found, street, take
from tests.node.model import Box
from tests.node.recipe import Recipe, encode, key
from tests.node.steps import MORE, OLD, flipped, refusal
from tests.node.test_giveback import LEASE, is_dark, taken

_HEAD_FLAGS, _SITE_FLAGS = 6, 17
_HEARD = Beat(
    slot=1, stamp=5, announced=True, claims={2: Claim(1, 1), 3: Claim(2, 0)}, paths=frozenset({2})
)


def _flagged(place: int, bit: int) -> bytes:
    data = bytearray(pack(_HEARD))
    assert not data[place] & bit
    data[place] |= bit
    return bytes(data)


@pytest.mark.parametrize(
    ("place", "bit"), [(_HEAD_FLAGS, 8), (_SITE_FLAGS, 2), (_SITE_FLAGS, 4), (_SITE_FLAGS, 8)]
)
def test_a_flag_for_information_keeps_no_beat_from_being_heard(place: int, bit: int) -> None:
    """A gateway of a newer version is heard, with all that this version knows of it."""
    assert parse(_flagged(place, bit)) == _HEARD


@pytest.mark.parametrize("place", [_HEAD_FLAGS, _SITE_FLAGS])
@pytest.mark.parametrize("bit", [0x10, 0x20, 0x40, 0x80])
def test_a_flag_that_must_be_known_is_refused(place: int, bit: int) -> None:
    """What may change the meaning of the rest is not guessed at."""
    assert parse(_flagged(place, bit)) is None


def test_an_unknown_flag_of_a_site_is_no_path() -> None:
    """A site that is reached by no link of the gateway's own stays so, whatever else is said."""
    beat = parse(_flagged(_SITE_FLAGS + 7, 2))
    assert beat is not None
    assert beat.paths == frozenset({2})


@pytest.mark.parametrize("formed", [2, 99, 0])
def test_a_bundle_of_another_format_is_named_as_that(formed: int) -> None:
    """Its fields, which may be others, are not what is complained of."""
    newer = {"format": formed, "generation": OLD.generation, "parts": []}
    for document in (newer, {**OLD.document(), "format": formed}):
        assert f"its format is {formed}, this tool knows 1" in refusal(
            bundle.decode, encode(document)
        )


@pytest.mark.parametrize("formed", [None, "1", "x" * 99, [1]])
def test_a_bundle_without_a_format_is_none(formed: object) -> None:
    """What stands in place of a number is refused, and is not quoted."""
    told = refusal(bundle.decode, encode({**OLD.document(), "format": formed}))
    assert told.endswith("it does not say its format")


def test_fields_still_count_in_a_bundle_of_this_format() -> None:
    """The format is no pass: one field more or fewer is refused."""
    document = OLD.document()
    for other in ({**document, "else": 1}, {k: v for k, v in document.items() if k != "mesh"}):
        assert "its fields" in refusal(bundle.decode, encode(other))


def _reform(layout: Layout, name: str, formed: object) -> None:
    path = layout.generation(name) / bundle.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": formed}))


def test_a_generation_of_a_newer_format_is_refused(enrolled: Box) -> None:
    """Nobody reads it by luck: every way to it says what it is and what to do."""
    machine = enrolled.machine
    _reform(enrolled.layout, OLD.generation, bundle.FORMAT + 1)
    for ask in (
        generations.load,
        generations.damage,
        generations.require_whole,
        generations.manifest,
    ):
        with pytest.raises(Refused) as caught:
            ask(machine, OLD.generation)
        assert caught.value.error == (
            f"generation {OLD.generation} has the format 2; this tool knows none above 1"
        )
        assert "at least as new" in caught.value.fix
    assert "format 2" in refusal(questions.status, machine, {})


@pytest.mark.parametrize("formed", [None, "2", [2]])
def test_a_generation_whose_format_is_no_number_is_damaged(enrolled: Box, formed: object) -> None:
    """It is found like any other damage, and staging it again mends it."""
    machine, name = enrolled.machine, OLD.generation
    _reform(enrolled.layout, name, formed)
    assert generations.damage(machine, name) == [bundle.MANIFEST]
    assert "is not on this machine" in refusal(generations.load, machine, name)
    generations.write(machine, bundle.decode(Recipe().encode()))
    assert generations.damage(machine, name) == []


def test_a_generation_that_does_not_say_its_format_is_of_the_first(enrolled: Box) -> None:
    """It is read as it always was."""
    path = enrolled.layout.generation(OLD.generation) / bundle.MANIFEST
    stated = json.loads(path.read_bytes())
    assert stated.pop("format") == 1
    path.write_text(json.dumps(stated))
    assert generations.load(enrolled.machine, OLD.generation).node == "a"


def test_a_newer_generation_that_is_not_confirmed_is_undone_all_the_same(enrolled: Box) -> None:
    """A timer goes back from what this tool cannot read to what it can."""
    flipped(enrolled, MORE)
    _reform(enrolled.layout, MORE.generation, bundle.FORMAT + 1)
    assert key("peer c wg1") in enrolled.kernel.links["wg1"].peers
    (unit,) = enrolled.kernel.timers
    verbs.expire(enrolled.machine, {"unit": unit})
    status = questions.status(enrolled.machine, {})
    assert (status["confirmed"], status["active"]) == (OLD.generation, OLD.generation)
    assert key("peer c wg1") not in enrolled.kernel.links["wg1"].peers


def _recall(box: Box, **changes: object) -> None:
    path = box.layout.before
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


@pytest.mark.parametrize("changes", [{}, {"format": 1}, {"else": "known to another"}])
def test_what_a_machine_was_is_read_from_the_first_format(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """Without a format it is the first; a field that only informs is passed over."""
    box = found(tmp_path)
    take(box.machine, 1)
    told = before.read(box.machine)
    assert told is not None
    assert "format" not in json.loads(box.layout.before.read_bytes())
    _recall(box, **changes)
    assert before.read(box.machine) == told
    before.move_on(box.machine, told, before.KEPT)
    assert before.read(box.machine) == replace(told, phase=before.KEPT)


@pytest.mark.parametrize("formed", [0, 2])
def test_what_a_machine_was_in_another_format_is_refused(tmp_path: Path, formed: int) -> None:
    """No verb goes on by half of what it would have to know, and the memory stays as it is."""
    box = found(tmp_path)
    take(box.machine, 1)
    _recall(box, format=formed)
    was = box.layout.before.read_bytes()
    for verb in (takeover.undo, takeover.tunnel, takeover.keep):
        assert f"in the format {formed}; this tool knows 1" in refusal(verb, box.machine, {})
    assert box.layout.before.read_bytes() == was


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"format": null}', '{"format": "1"}', '{"phase": "trying"}']
)
def test_a_damaged_memory_is_named(tmp_path: Path, text: str) -> None:
    """What is no memory at all is damage, and is not taken for a machine that had none."""
    box = found(tmp_path)
    take(box.machine, 1)
    box.layout.before.write_text(text)
    assert "is damaged" in refusal(before.read, box.machine)


def test_a_machine_of_a_newer_format_is_not_opened(tmp_path: Path) -> None:
    """The timer could not make it dark again, so it stays dark, and nothing is armed."""
    box, _ = taken(tmp_path)
    verbs.take_lease(box.machine, {"id": "x", "seconds": 600.0})
    _reform(box.layout, OLD.generation, bundle.FORMAT + 1)
    assert "the format 2" in refusal(giveback.open_again, box.machine, dict(LEASE))
    assert is_dark(box)
    assert street(box).timers == {}
    _reform(box.layout, OLD.generation, bundle.FORMAT)
    giveback.open_again(box.machine, dict(LEASE))
    assert street(box).public
