"""From one-time keys to lasting ones, on a machine in memory."""

from dataclasses import replace

import pytest

from node import enroll, generations, questions, staging, verbs
from node.errors import Refused
from node.layout import BIRTH
from tests.node.model import Box
from tests.node.recipe import Recipe

BORN = Recipe()


def test_enrollment_leaves_wg0_to_its_second_half(newborn: Box) -> None:
    """In the runner's session wg1 comes up and sshd shows its lasting key; wg0 changes later."""
    one_time = newborn.kernel.links["wg0"]
    assert newborn.kernel.host_key == "one-time host key\n"
    assert enroll.enroll(newborn.machine, BORN.encode()) == {"enrolled": BORN.generation}
    assert newborn.confirmed() == BORN.generation
    assert newborn.kernel.links["wg0"] == one_time
    assert set(newborn.kernel.links) == {"wg0", "wg1"}
    assert newborn.kernel.host_key == "host key of a 1\n"
    assert list(newborn.kernel.timers.values()) == [["finish-enroll"]]
    assert newborn.layout.generation(BIRTH).exists()
    enroll.finish(newborn.machine, {})
    assert newborn.kernel.links["wg0"].private == BORN.private("wg0") != one_time.private
    assert newborn.kernel.links["wg0"].peers != one_time.peers
    assert not newborn.layout.generation(BIRTH).exists()
    assert questions.status(newborn.machine, {})["confirmed"] == BORN.generation


def test_one_time_secrets_are_gone_from_the_disk(newborn: Box) -> None:
    """After enrollment no file below the state holds the one-time keys; before it did."""

    def holders() -> list[str]:
        secret = newborn_key
        files = (path for path in newborn.layout.state.rglob("*") if path.is_file())
        return [str(path) for path in files if secret in path.read_text(encoding="utf-8")]

    newborn_key = newborn.kernel.links["wg0"].private
    assert holders()
    enroll.enroll(newborn.machine, BORN.encode())
    enroll.finish(newborn.machine, {})
    assert holders() == []


def test_enrolling_twice_is_one_enrollment(newborn: Box) -> None:
    """A second run, before or after the second half, ends at the same generation."""
    for _ in range(2):
        assert enroll.enroll(newborn.machine, BORN.encode()) == {"enrolled": BORN.generation}
    enroll.finish(newborn.machine, {})
    newborn.kernel.log.clear()
    assert enroll.enroll(newborn.machine, BORN.encode()) == {"enrolled": BORN.generation}
    assert enroll.finish(newborn.machine, {}) == {"enrolled": BORN.generation}
    assert newborn.kernel.touched() == []


def test_another_incarnation_is_refused(enrolled: Box) -> None:
    """An enrolled machine takes no birth bundle of another server or node."""
    for other in (replace(BORN, incarnation=2), replace(BORN, node="z")):
        with pytest.raises(Refused, match="this machine is a"):
            enroll.enroll(enrolled.machine, other.encode())


def test_a_refused_bundle_leaves_the_newborn_as_it_was(newborn: Box) -> None:
    """When nft refuses the first bundle, generation 0 stays confirmed and live."""
    newborn.kernel.refuse = lambda argv: "no" if argv[0] == "nft" else None
    before = dict(newborn.kernel.links)
    with pytest.raises(Refused):
        enroll.enroll(newborn.machine, BORN.encode())
    assert newborn.confirmed() == BIRTH
    assert newborn.kernel.links == before
    assert [path.name for path in newborn.layout.generations.iterdir()] == [BIRTH]


def test_generation_0_is_no_way_back(newborn: Box) -> None:
    """Before enrollment nothing is staged or armed, since undoing would need one-time keys."""
    with pytest.raises(Refused, match="not enrolled"):
        staging.stage(newborn.machine, BORN.encode())
    with pytest.raises(Refused, match="not enrolled"):
        enroll.finish(newborn.machine, {})
    with pytest.raises(Refused):
        generations.require_whole(newborn.machine, "nothing")


def test_a_rollout_may_overtake_the_second_half(newborn: Box) -> None:
    """A rollout between the halves sets wg0 itself; the second half then only cleans up."""
    new = replace(BORN, peers={"wg0": ("runner", "b"), "wg1": ("runner", "b")})
    enroll.enroll(newborn.machine, BORN.encode())
    staging.stage(newborn.machine, new.encode())
    about = {"lease": "x", "generation": new.generation}
    verbs.take_lease(newborn.machine, {"id": "x", "seconds": 600})
    verbs.arm(newborn.machine, {**about, "seconds": 120})
    verbs.flip(newborn.machine, about)
    enroll.finish(newborn.machine, {})
    assert questions.status(newborn.machine, {})["active"] == new.generation
    assert not newborn.layout.generation(BIRTH).exists()
    verbs.confirm(newborn.machine, about)
    assert newborn.kernel.links == generations.load(newborn.machine, new.generation).wireguard()


def test_a_reboot_between_the_halves_is_a_good_state(newborn: Box) -> None:
    """Boot reads the lasting generation; the next rollout deletes the one-time keys."""
    enroll.enroll(newborn.machine, BORN.encode())
    newborn.kernel.boot()
    assert newborn.kernel.links["wg0"].private == BORN.private("wg0")
    verbs.take_lease(newborn.machine, {"id": "x", "seconds": 10})
    assert not newborn.layout.generation(BIRTH).exists()
