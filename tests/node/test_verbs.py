"""The verbs of a rollout on a machine in memory: what they touch, in which order."""

from dataclasses import replace

import pytest

from node import questions, sessions, verbs
from tests.node.model import Box
from tests.node.recipe import Recipe, key
from tests.node.steps import MORE, OLD, armed, flipped, refusal


def test_an_equal_generation_touches_nothing(enrolled: Box) -> None:
    """Staging, arming, preparing, flipping and confirming what is live runs no changing program."""
    about = armed(enrolled, OLD)
    assert verbs.prepare(enrolled.machine, about)["prepared"] == []
    assert verbs.flip(enrolled.machine, about)["touched"] == []
    assert enrolled.kernel.touched() == []
    assert verbs.confirm(enrolled.machine, about) == {"confirmed": OLD.generation}


def test_a_change_of_one_peer_touches_that_peer(enrolled: Box) -> None:
    """A new pre-shared key of one peer is one `wg set` of that peer, and its key is no argument."""
    new = replace(OLD, renewed=frozenset({"b"}))
    _, answer = flipped(enrolled, new)
    assert answer["touched"] == ["active", "wg1: peer b"]
    (argv,) = enrolled.kernel.touched()
    assert argv[:6] == ["wg", "set", "wg1", "peer", key("peer b wg1"), "preshared-key"]
    assert argv[6].startswith(str(enrolled.layout.run))
    assert len(argv) == 7
    assert not [path for path in enrolled.layout.run.iterdir() if path.name.startswith(".keys")]


def test_no_secret_is_ever_an_argument(enrolled: Box) -> None:
    """Over a rollout that changes every key, no private or pre-shared key is on a command line."""
    new = replace(MORE, epoch=2, renewed=frozenset({"runner", "b"}))
    about = armed(enrolled, new)
    verbs.prepare(enrolled.machine, about)
    verbs.flip(enrolled.machine, about)
    verbs.confirm(enrolled.machine, about)
    words = " ".join(word for argv in enrolled.kernel.log for word in argv)
    lines = " ".join(enrolled.journal.lines)
    secrets = [new.private(name) for name in new.peers]
    secrets += [key(f"psk {n} wg1 {m}") for n in ("runner", "b", "c") for m in (True, False)]
    assert key("peer c wg1") in words
    assert not [secret for secret in secrets if secret in words or secret in lines]


def test_preparing_lets_a_new_peer_shake_hands_only(enrolled: Box) -> None:
    """A new peer gets keys and endpoint beforehand, no prefix; doing so twice adds nothing."""
    about = armed(enrolled, MORE)
    assert verbs.prepare(enrolled.machine, about)["prepared"] == ["wg1: peer c"]
    peer = enrolled.kernel.links["wg1"].peers[key("peer c wg1")]
    assert peer.psk
    assert peer.endpoint
    assert not peer.allowed
    assert not peer.keepalive
    assert verbs.prepare(enrolled.machine, about)["prepared"] == []


def test_a_flip_is_repeatable_and_confirm_commits(enrolled: Box) -> None:
    """A second flip touches nothing; until confirm boot reads the old one, then the new one."""
    about, first = flipped(enrolled, MORE)
    assert "wg1: peer c" in first["touched"]
    assert verbs.flip(enrolled.machine, about)["touched"] == []
    assert enrolled.confirmed() == OLD.generation
    assert len(enrolled.kernel.timers) == 1
    for _ in range(2):
        assert verbs.confirm(enrolled.machine, about) == {"confirmed": MORE.generation}
    assert enrolled.confirmed() == MORE.generation
    assert enrolled.kernel.timers == {}
    assert questions.status(enrolled.machine, {})["timer"] is None


def test_order_of_a_flip(enrolled: Box) -> None:
    """A peer that leaves goes before the firewall; a new one comes after it; sshd is last."""
    new = replace(
        OLD, peers={"wg0": ("runner",), "wg1": ("runner", "c"), "wg2": ("c",)}, extra="new"
    )
    _, answer = flipped(enrolled, new)
    assert answer["touched"] == [
        "wg1: peers that leave",
        "active",
        "firewall",
        "wg2: up",
        "wg1: peer c",
        "sessions: wg1: peer c",
        "sshd",
    ]


def test_a_plane_that_vanishes_goes_down_and_stays_down(enrolled: Box) -> None:
    """Down at the flip, no longer started by boot once confirmed, and up again by a rollback."""
    without = replace(OLD, peers={"wg0": ("runner",)})
    about, answer = flipped(enrolled, without)
    assert answer["touched"][0] == "wg1: down"
    assert set(enrolled.kernel.links) == {"wg0"}
    verbs.rollback(enrolled.machine, {"lease": "x"})
    assert set(enrolled.kernel.links) == {"wg0", "wg1"}
    verbs.arm(enrolled.machine, {**about, "seconds": 120})
    verbs.flip(enrolled.machine, about)
    unit = enrolled.layout.boot_units / "wg-quick@wg1.service"
    assert unit.is_symlink()
    verbs.confirm(enrolled.machine, about)
    assert not unit.is_symlink()
    enrolled.kernel.boot()
    assert set(enrolled.kernel.links) == {"wg0"}


def test_rollback_restores_exactly_what_was(enrolled: Box) -> None:
    """After prepare, flip and rollback the kernel is as before, and status says why."""
    links, firewall = dict(enrolled.kernel.links), enrolled.kernel.firewall
    new = replace(MORE, epoch=2, extra="new", renewed=frozenset({"b"}))
    about = armed(enrolled, new)
    verbs.prepare(enrolled.machine, about)
    verbs.flip(enrolled.machine, about)
    assert enrolled.kernel.links != links
    answer = verbs.rollback(enrolled.machine, {"lease": "x", "reason": "b was silent"})
    assert answer["active"] == OLD.generation
    assert (enrolled.kernel.links, enrolled.kernel.firewall) == (links, firewall)
    undone = questions.status(enrolled.machine, {})["rolled_back"]
    assert (undone["reason"], undone["generation"]) == ("b was silent", new.generation)
    assert enrolled.kernel.timers == {}
    assert "rolled back, b was silent" in refusal(verbs.confirm, enrolled.machine, about)


def test_the_timer_undoes_what_nobody_confirms(enrolled: Box) -> None:
    """The armed timer goes back by itself; one that was replaced, or came late, does nothing."""
    about, _ = flipped(enrolled, MORE)
    (unit,) = enrolled.kernel.timers
    assert enrolled.kernel.timers[unit] == ["expire", unit]
    verbs.expire(enrolled.machine, {"unit": "backplane-rollback-of-another"})
    assert questions.status(enrolled.machine, {})["active"] == MORE.generation
    verbs.expire(enrolled.machine, {"unit": unit})
    status = questions.status(enrolled.machine, {})
    assert status["active"] == status["confirmed"] == OLD.generation
    assert "timer" in status["rolled_back"]["reason"]
    assert any("rolled back" in line for line in enrolled.journal.lines)
    verbs.arm(enrolled.machine, {**about, "seconds": 120})
    (unit,) = enrolled.kernel.timers
    verbs.flip(enrolled.machine, about)
    verbs.confirm(enrolled.machine, about)
    verbs.expire(enrolled.machine, {"unit": unit})
    assert questions.status(enrolled.machine, {})["active"] == MORE.generation


def test_arming_again_never_leaves_a_gap(enrolled: Box) -> None:
    """The second timer runs before the first is stopped; if it cannot, the first stays armed."""
    about = armed(enrolled, MORE)
    (first,) = enrolled.kernel.timers
    verbs.arm(enrolled.machine, {**about, "seconds": 300})
    (second,) = enrolled.kernel.timers
    assert first != second
    steps = [argv[:2] for argv in enrolled.kernel.log]
    begins = next(at for at, argv in enumerate(steps) if argv[0] == "systemd-run")
    assert begins < steps.index(["systemctl", "stop"])
    enrolled.kernel.refuse = lambda argv: "no" if argv[0] == "systemd-run" else None
    refusal(verbs.arm, enrolled.machine, {**about, "seconds": 60})
    assert set(enrolled.kernel.timers) == {second}
    assert 299 < questions.status(enrolled.machine, {})["timer"] <= 300


@pytest.mark.parametrize("program", [("nft", "--file"), ("wg", "set"), ("systemctl", "restart")])
def test_a_flip_that_fails_is_undone(enrolled: Box, program: tuple[str, str]) -> None:
    """Whichever step fails, confirm is refused, and the rollback leads back to what was."""
    links, firewall = dict(enrolled.kernel.links), enrolled.kernel.firewall
    new = Recipe(
        peers={"wg0": ("runner",), "wg1": ("runner", "c"), "wg2": ("c",)}, epoch=2, extra="new"
    )
    about = armed(enrolled, new)
    enrolled.kernel.refuse = lambda argv: "no" if tuple(argv[:2]) == program else None
    refusal(verbs.flip, enrolled.machine, about)
    refusal(verbs.confirm, enrolled.machine, about)
    enrolled.kernel.refuse = lambda _: None
    verbs.rollback(enrolled.machine, {"lease": "x"})
    assert (enrolled.kernel.links, enrolled.kernel.firewall) == (links, firewall)
    assert enrolled.confirmed() == OLD.generation


def test_one_failing_step_does_not_keep_a_rollback_from_the_others(enrolled: Box) -> None:
    """With nft refusing, peers go back all the same; the refusal names it, and a retry mends it."""
    links = dict(enrolled.kernel.links)
    flipped(enrolled, replace(MORE, extra="new"))
    enrolled.kernel.refuse = lambda argv: "full" if argv[0] == "nft" else None
    assert "full" in refusal(verbs.rollback, enrolled.machine, {"lease": "x"})
    assert enrolled.kernel.links == links
    assert enrolled.kernel.timers
    enrolled.kernel.refuse = lambda _: None
    verbs.rollback(enrolled.machine, {"lease": "x"})
    assert "# new" not in enrolled.kernel.firewall
    assert enrolled.kernel.timers == {}


def test_a_reboot_forgets_what_is_unconfirmed(enrolled: Box) -> None:
    """After a flip and a reboot the confirmed generation is active and lease and timer are gone."""
    about, _ = flipped(enrolled, MORE)
    enrolled.kernel.boot()
    status = questions.status(enrolled.machine, {})
    assert status["active"] == status["confirmed"] == OLD.generation
    assert (status["lease"], status["timer"]) == (None, None)
    assert "nobody holds" in refusal(verbs.confirm, enrolled.machine, about)


def test_a_flip_at_a_moment_waits_for_it(enrolled: Box) -> None:
    """`at` is met on the node's own monotonic clock, and calls follow; one far away is refused."""
    about = armed(enrolled, MORE)
    moment = enrolled.clock.now_ns() + 2_500_000_000
    assert verbs.flip(enrolled.machine, {**about, "at": moment})["began"] == moment
    waited = enrolled.clock.now_ns() - moment
    assert waited == pytest.approx((sessions.CALL + sessions.ANSWER) * 1e9)
    far = {**about, "at": moment + 10**12}
    assert "away" in refusal(verbs.flip, enrolled.machine, far)


def test_names_are_written_with_the_commit_only(enrolled: Box) -> None:
    """/etc/hosts outlives a reboot, so it changes at confirm; other lines of it stay."""
    new = replace(MORE, extra=".new")
    about, _ = flipped(enrolled, new)
    assert ".new" not in enrolled.layout.hosts.read_text(encoding="ascii")
    verbs.confirm(enrolled.machine, about)
    lines = enrolled.layout.hosts.read_text(encoding="ascii").splitlines()
    assert lines[0] == "127.0.0.1 localhost"
    assert "10.201.2.1 b.new" in lines
    assert "10.201.2.1 b" not in lines


def test_someone_elses_interface_is_refused_not_taken(enrolled: Box) -> None:
    """A wg-quick file that is no link of ours is neither overwritten nor its interface touched."""
    link = enrolled.layout.wireguard_link("wg2")
    link.unlink()
    link.write_text("[Interface]\n", encoding="ascii")
    new = replace(OLD, peers={**OLD.peers, "wg2": ("b",)})
    about = armed(enrolled, new)
    assert "is not ours" in refusal(verbs.flip, enrolled.machine, about)
    verbs.rollback(enrolled.machine, {"lease": "x"})
    assert link.read_text(encoding="ascii") == "[Interface]\n"
    # One that someone runs beside ours stays out of every plan.
    enrolled.kernel.links["wg2"] = enrolled.kernel.links["wg1"]
    about = armed(enrolled, OLD)
    assert verbs.flip(enrolled.machine, about)["touched"] == []
    assert "wg2" in enrolled.kernel.links
