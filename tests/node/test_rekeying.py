"""A change of keys wants a clock that is right; any other change does not."""

from dataclasses import replace

from node import questions, staging, verbs
from tests.node.model import Box
from tests.node.recipe import Recipe
from tests.node.steps import MORE, OLD, refusal

NEW_KEY = replace(OLD, epoch=2)


def _about(box: Box, new: Recipe, ahead: float) -> dict[str, object]:
    staging.stage(box.machine, new.encode())
    verbs.take_lease(box.machine, {"id": "x", "seconds": 600})
    clock = {"wall": box.machine.clock.wall() - ahead, "clock": box.machine.clock.now_ns()}
    return {"lease": "x", "generation": new.generation, "seconds": 120, **clock}


def test_status_names_the_interfaces_whose_key_changes(enrolled: Box) -> None:
    """Those of a generation with another key, none of one with another peer or of an unknown."""
    for new in (NEW_KEY, MORE):
        staging.stage(enrolled.machine, new.encode())
    ask = questions.status
    assert ask(enrolled.machine, {"generation": NEW_KEY.generation})["rekeys"] == ["wg0", "wg1"]
    assert ask(enrolled.machine, {"generation": MORE.generation})["rekeys"] == []
    assert ask(enrolled.machine, {"generation": "f" * 16})["rekeys"] == []
    assert ask(enrolled.machine, {})["rekeys"] == []


def test_a_clock_that_is_off_refuses_a_change_of_keys(enrolled: Box) -> None:
    """Five seconds ahead or behind are named, and no timer runs; one second is taken."""
    for ahead, word in ((5.0, "5.0 s ahead of"), (-5.0, "5.0 s behind")):
        about = _about(enrolled, NEW_KEY, ahead)
        assert word in refusal(verbs.arm, enrolled.machine, about)
        assert questions.status(enrolled.machine, {})["timer"] is None
    assert verbs.arm(enrolled.machine, _about(enrolled, NEW_KEY, 1.0))["armed"]


def test_a_clock_that_is_off_takes_any_other_change(enrolled: Box) -> None:
    """A peer more needs no clock: a machine with a wrong one must stay changeable."""
    assert verbs.arm(enrolled.machine, _about(enrolled, MORE, 3600.0))["armed"]


def test_an_order_that_was_long_on_its_way_is_no_skew(enrolled: Box) -> None:
    """A clock is judged for the moment that the order names: 30 s later a right one is taken."""
    about = _about(enrolled, NEW_KEY, 0.0)
    enrolled.clock.sleep(30)
    assert verbs.arm(enrolled.machine, about)["armed"]
    late = _about(enrolled, NEW_KEY, 5.0)
    enrolled.clock.sleep(30)
    assert "5.0 s ahead of" in refusal(verbs.arm, enrolled.machine, late)
