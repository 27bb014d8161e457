"""How an outage is read from a flow's packets, each of whose fates is known."""

from __future__ import annotations

import pytest

from tests.lab.outage import Outage, Packet, outage, packets, worst

STEP = 0.02
EVENT = 1000.5
"""Halfway through a flow that begins at 1000."""


def _flow(fates: str) -> list[Packet]:
    """A packet each 20 ms: `.` is answered after 1 ms, `x` never arrives, `o` does and is not."""
    made = []
    for number, fate in enumerate(fates):
        sent = 1000 + number * STEP
        heard = sent + 0.0005 if fate in ".o" else 0.0
        made.append(Packet(sent=sent, heard=heard, answered=sent + 0.001 if fate == "." else 0.0))
    return made


def test_nothing_lost_is_no_outage() -> None:
    """The longest time between two answers is the time between two packets."""
    seen = outage(_flow("." * 50), EVENT)
    assert (seen.lost, seen.lost_there, seen.first, seen.over) == (0, 0, None, None)
    assert seen.without == pytest.approx(STEP, abs=1e-3)


def test_an_outage_has_a_length_a_beginning_and_an_end() -> None:
    """Ten packets lost from 100 ms after the event: 220 ms without an answer, over 321 ms after."""
    seen = outage(_flow("." * 30 + "x" * 7 + "o" * 3 + "." * 10), EVENT)
    assert (seen.lost, seen.lost_there, seen.lost_back) == (10, 7, 3)
    assert seen.without == pytest.approx(11 * STEP, abs=1e-3)
    assert seen.first == pytest.approx(0.1, abs=1e-3)
    assert seen.over == pytest.approx(0.301, abs=1e-3)


def test_the_longest_of_two_outages_counts_and_the_last_ends_it() -> None:
    """A packet that slips through in between ends no outage; the time without is the longer one."""
    seen = outage(_flow("." * 30 + "xx.xxxx" + "." * 5), EVENT)
    assert seen.lost == 6
    assert seen.without == pytest.approx(5 * STEP, abs=1e-3)
    assert seen.over == pytest.approx(30 * STEP - 0.5 + 7 * STEP + 0.001, abs=1e-3)


def test_silence_until_the_end_is_an_outage_without_an_end() -> None:
    """From the last answer to the last packet; silence from the first packet on counts alike."""
    seen = outage(_flow("." * 10 + "x" * 10), EVENT)
    assert seen.over is None
    assert seen.without == pytest.approx(10 * STEP, abs=2e-3)
    assert outage(_flow("x" * 10 + "."), EVENT).without == pytest.approx(10 * STEP, abs=2e-3)
    assert outage(_flow("x" * 11), EVENT).without == pytest.approx(10 * STEP, abs=1e-3)


def test_late_answers_are_not_lost_and_still_time_without() -> None:
    """Packets that wait half a second and are then answered together: none lost, 500 ms without."""
    flow = _flow("." * 50)
    flow[25:45] = [
        Packet(sent=one.sent, heard=flow[45].heard, answered=flow[45].answered)
        for one in flow[25:45]
    ]
    seen = outage(flow, EVENT)
    assert seen.lost == 0
    assert seen.without == pytest.approx(21 * STEP, abs=1e-3)


def test_ways_together_are_as_bad_as_the_worst() -> None:
    """Losses add up, times are the longest; one way without an end leaves the whole without one."""
    calm, hurt = outage(_flow("." * 50), EVENT), outage(_flow("." * 30 + "x" * 5 + "."), EVENT)
    assert worst([calm, hurt]) == hurt
    lost = outage(_flow("." * 30 + "x" * 5), EVENT)
    together = worst([lost, hurt])
    assert (together.lost, together.over, together.first) == (10, None, hurt.first)
    assert worst([calm, calm]) == calm
    assert isinstance(together, Outage)


def test_packets_are_put_together_from_both_ends() -> None:
    """What went before the count, and what other targets of the same sender got, is left out."""
    sent = [(0, 0), (1_000_000_000, 1_001_000_000), (1_020_000_000, 0), (1_040_000_000, 0)]
    heard = [(3, 1, 1_000_500_000), (3, 2, 1_020_500_000), (2, 3, 1_040_500_000)]
    assert packets(sent, 3, heard) == [
        Packet(sent=1.0, heard=1.0005, answered=1.001),
        Packet(sent=1.02, heard=1.0205, answered=0),
        Packet(sent=1.04, heard=0, answered=0),
    ]
