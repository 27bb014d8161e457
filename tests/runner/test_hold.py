"""The lock that says who uses a tunnel."""

from __future__ import annotations

import multiprocessing

from runner.hold import Hold


def _die_holding(name: str) -> None:
    Hold(name)


def test_only_the_last_one_is_told_so() -> None:
    """Of two holders the first to leave is not the last; the second is, and no file stays."""
    first, second = Hold("two"), Hold("two")
    assert first.release() is False
    assert second.release() is True
    assert not second._path.exists()


def test_a_dead_holder_holds_nothing() -> None:
    """A process that ended without letting go does not keep the tunnel up."""
    process = multiprocessing.get_context("spawn").Process(target=_die_holding, args=("dead",))
    process.start()
    process.join()
    assert Hold("dead").release() is True


def test_letting_go_twice_is_no_second_farewell() -> None:
    """A holder that has left is not told again that it was the last."""
    hold = Hold("once")
    assert hold.release() is True
    assert hold.release() is False
