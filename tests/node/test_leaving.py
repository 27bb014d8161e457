"""What a gateway says when its daemon ends: with the whole machine, or to be started anew."""

import selectors
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from node import routing, standing
from node.heartbeat import Beat, Claim, parse
from node.owners import OVERLAP
from tests.node.routed_box import daemon, turn


class Turns(selectors.DefaultSelector):
    """Waits by the machine's own clock, and lets something happen meanwhile."""

    def __init__(self, made: routing.Daemon, happens: Callable[[], None]) -> None:
        super().__init__()
        self._made, self._happens = made, happens

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing is ready."""
        self._made.machine.clock.sleep(max(timeout or 0, 0.05))
        self._happens()
        return []


def _ended(made: routing.Daemon, answers: Callable[[Beat], Beat]) -> list[tuple[float, Beat]]:
    """What a daemon that is told to end still says, with seconds; the sibling answers at once."""
    said: list[tuple[float, Beat]] = []
    begun = made.now()

    def send(data: bytes, _: object) -> None:
        beat = parse(data)
        assert beat is not None
        said.append((made.now() - begun, beat))

    def happens() -> None:
        answer = answers(said[-1][1])
        made._beats = lambda: [answer]  # type: ignore[method-assign]

    made.channel.send = send  # type: ignore[method-assign,assignment]
    made._selector = Turns(made, happens)
    made.ending = True
    handler = signal.getsignal(signal.SIGTERM)
    try:
        made.run()
    finally:
        signal.signal(signal.SIGTERM, handler)
    return said


def test_with_the_whole_machine_a_gateway_goes_as_if_drained(tmp_path: Path) -> None:
    """At once it says so, and copies; it ends when all is the sibling's, and not before."""
    made, kernel = daemon(tmp_path, 0)
    turn(made, 2, Beat(slot=1, stamp=1, claims={2: Claim(2, 0)}))
    kernel.system = "stopping"
    kernel.log.clear()

    def takes(beat: Beat) -> Beat:
        claims = {2: Claim(2 + beat.drained, beat.drained)}
        return Beat(slot=1, stamp=beat.stamp + 1, announced=True, claims=claims)

    said = _ended(made, takes)
    assert said[0][1].paused, "until it knows better"
    assert (said[1][1].drained, said[1][1].paused) == (True, False)
    assert said[1][0] < 0.25
    assert kernel.log.index("nft copies") < kernel.log.index("nft none")
    last, beat = said[-1]
    assert beat.claims[2] == Claim(3, 1)
    assert OVERLAP <= last < routing.LEAVE
    assert not beat.paused
    assert not standing.drained_file(made.machine).exists(), "after the boot it is none"


@pytest.mark.parametrize("drained", [False, True])
def test_nobody_who_takes_nothing_holds_up_a_shutdown_for_long(
    tmp_path: Path, *, drained: bool
) -> None:
    """A sibling without a way of its own gets a few seconds; one that is drained gets none."""
    made, kernel = daemon(tmp_path, 0)
    turn(made, 2, Beat(slot=1, stamp=1, drained=drained, claims={2: Claim(2, 0)}))
    kernel.system = "stopping"
    said = _ended(
        made,
        lambda beat: Beat(slot=1, stamp=beat.stamp, drained=drained, claims={2: Claim(2, 0)}),
    )
    assert not said[-1][1].paused, "the sibling is not to wait for a new start"
    assert said[-1][0] == pytest.approx(0 if drained else routing.LEAVE, abs=0.3)


def test_a_new_start_of_the_daemon_alone_is_no_leave(tmp_path: Path) -> None:
    """The system runs: one word, that it starts anew, and nothing moves."""
    made, _ = daemon(tmp_path, 0)
    turn(made, 2, Beat(slot=1, stamp=1, claims={2: Claim(2, 0)}))
    said = _ended(made, lambda beat: beat)
    assert [(beat.paused, beat.drained) for _, beat in said] == [(True, False)]
