"""The steps of a rollout that tests take on a machine in memory."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node import staging, verbs
from node.errors import Refused
from node.request import Answer
from tests.node.model import Box
from tests.node.recipe import Recipe

OLD = Recipe()
MORE = replace(OLD, peers={"wg0": ("runner",), "wg1": ("runner", "b", "c")})


def armed(box: Box, new: Recipe, lease: str = "x") -> dict[str, Any]:
    """Stage and arm; returns what the next verbs are told."""
    staging.stage(box.machine, new.encode())
    about = {"lease": lease, "generation": new.generation}
    verbs.take_lease(box.machine, {"id": lease, "seconds": 600})
    verbs.arm(box.machine, {**about, "seconds": 120})
    box.kernel.log.clear()
    return about


def flipped(box: Box, new: Recipe, lease: str = "x") -> tuple[dict[str, Any], Answer]:
    """Stage, arm and flip."""
    about = armed(box, new, lease)
    return about, verbs.flip(box.machine, about)


def refusal(verb: Callable[..., object], *arguments: object) -> str:
    """The reason a verb gives for refusing."""
    with pytest.raises(Refused) as caught:
        verb(*arguments)
    assert caught.value.fix
    return caught.value.error
