"""What staging and the verbs of a rollout refuse, and what they leave as it was."""

from dataclasses import replace

import pytest

from node import questions, staging, verbs
from tests.node.model import Box
from tests.node.recipe import key
from tests.node.steps import MORE, OLD, armed, flipped, refusal


def test_staging_has_no_live_effect(enrolled: Box) -> None:
    """Stage runs checks only, also for the same bundle again, and names what it took in."""
    links = dict(enrolled.kernel.links)
    told = [staging.stage(enrolled.machine, MORE.encode()) for _ in range(2)]
    assert told == [{"staged": MORE.generation}] * 2
    assert enrolled.kernel.touched() == []
    assert enrolled.kernel.links == links
    status = questions.status(enrolled.machine, {})
    assert (status["confirmed"], status["staged"]) == (OLD.generation, MORE.generation)


@pytest.mark.parametrize("program", ["wg-quick", "nft", "/usr/sbin/sshd"])
def test_a_bundle_that_a_program_refuses_is_not_staged(enrolled: Box, program: str) -> None:
    """What wg-quick, nft or sshd judges bad is refused with its words, and no trace stays."""
    before = sorted(enrolled.layout.generations.iterdir())
    enrolled.kernel.refuse = lambda argv: f"bad {key('x')}" if argv[0] == program else None
    said = refusal(staging.stage, enrolled.machine, MORE.encode())
    assert "bad (key)" in said
    assert sorted(enrolled.layout.generations.iterdir()) == before
    assert questions.status(enrolled.machine, {})["staged"] is None


def test_a_bundle_for_another_machine_is_refused(enrolled: Box) -> None:
    """Neither another node's bundle nor one for another server of this node is taken."""
    for other in (replace(OLD, node="z"), replace(OLD, incarnation=2)):
        assert "this machine is a" in refusal(staging.stage, enrolled.machine, other.encode())


def test_a_renamed_node_takes_the_bundle_that_knows_its_old_name(enrolled: Box) -> None:
    """The new name is taken with the old one beside it, and only for the same server."""
    renamed = replace(OLD, node="z", was="a")
    wrong = (replace(renamed, was="b"), replace(renamed, incarnation=2))
    for other in wrong:
        assert "this machine is a" in refusal(staging.stage, enrolled.machine, other.encode())
    told = staging.stage(enrolled.machine, renamed.encode())
    assert told == {"staged": renamed.generation}


def test_only_the_holder_of_the_lease_changes_anything(enrolled: Box) -> None:
    """Every changing verb refuses a stranger, naming the holder; a lease ends, and is renewable."""
    about, machine = armed(enrolled, MORE), enrolled.machine
    stranger = {**about, "lease": "y"}
    for verb, request in (
        (verbs.take_lease, {"id": "y", "seconds": 10}),
        (verbs.arm, {**stranger, "seconds": 120}),
        (verbs.prepare, stranger),
        (verbs.flip, stranger),
        (verbs.confirm, stranger),
        (verbs.rollback, {"lease": "y"}),
    ):
        assert "another rollout (x) holds this node for up to 600 s" in refusal(
            verb, machine, request
        )
    assert "lacks lease" in refusal(verbs.rollback, machine, {})
    assert verbs.release(machine, {"id": "y"}) == {"released": False}
    verbs.take_lease(machine, {"id": "x", "seconds": 30})
    enrolled.clock.sleep(31)
    assert "nobody holds" in refusal(verbs.flip, machine, about)
    verbs.take_lease(machine, {"id": "y", "seconds": 10})
    assert verbs.release(machine, {"id": "y"}) == {"released": True}
    assert questions.status(machine, {})["lease"] is None


def test_nothing_changes_without_an_armed_timer(enrolled: Box) -> None:
    """Prepare and flip are refused before arm, and for a generation that was not armed."""
    about = {"lease": "x", "generation": MORE.generation}
    staging.stage(enrolled.machine, MORE.encode())
    verbs.take_lease(enrolled.machine, {"id": "x", "seconds": 600})
    for verb in (verbs.prepare, verbs.flip):
        assert "no timer is armed" in refusal(verb, enrolled.machine, about)
    verbs.arm(enrolled.machine, {**about, "seconds": 120})
    other = {**about, "generation": OLD.generation}
    assert "no timer is armed" in refusal(verbs.flip, enrolled.machine, other)
    missing = {**about, "generation": "f" * 16, "seconds": 9}
    assert "not on this machine" in refusal(verbs.arm, enrolled.machine, missing)
    assert "out of range" in refusal(verbs.arm, enrolled.machine, {**about, "seconds": 0})


def test_a_damaged_generation_is_neither_armed_nor_confirmed(enrolled: Box) -> None:
    """A file altered after staging stops the rollout before, and the commit after, the flip."""
    about, _ = flipped(enrolled, MORE)
    file = enrolled.layout.generation(MORE.generation) / "wireguard" / "wg1.conf"
    text = file.read_bytes()
    file.write_bytes(text + b"#")
    assert "damaged" in refusal(verbs.confirm, enrolled.machine, about)
    assert "damaged" in refusal(verbs.arm, enrolled.machine, {**about, "seconds": 120})
    file.write_bytes(text)
    verbs.confirm(enrolled.machine, about)
