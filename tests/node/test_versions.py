"""Machines and tools of several versions: what an older one passes over, and what it refuses."""

import pytest

from node.heartbeat import Beat, Claim, pack, parse

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
