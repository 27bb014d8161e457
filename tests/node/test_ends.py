"""What a node tells of its sessions' ends: enough to compare, and no key."""

from dataclasses import replace

from node import ends, generations, questions
from tests.node.model import Box
from tests.node.recipe import key, public
from tests.node.steps import OLD


def test_both_ends_tell_the_same_and_others_do_not() -> None:
    """A digest is the same from both ends; another PSK, key, or nonce makes another."""
    mine = ends.digest("n", key("a"), key("b"), key("psk"))
    assert mine == ends.digest("n", key("b"), key("a"), key("psk"))
    others = {
        ends.digest("n", key("a"), key("b"), key("other psk")),
        ends.digest("n", key("a"), key("b"), None),
        ends.digest("n", key("a"), key("c"), key("psk")),
        ends.digest("m", key("a"), key("b"), key("psk")),
    }
    assert len(others) == 4
    assert mine not in others


def test_a_check_tells_what_is_live(enrolled: Box) -> None:
    """With a nonce a check tells each peer's digest from the live interface; without one, none."""
    asked = {"generation": OLD.generation, "peers": [], "seconds": 0}
    assert questions.check(enrolled.machine, asked)["ends"] == {}
    told = questions.check(enrolled.machine, {**asked, "nonce": "n"})["ends"]
    own = public(OLD.private("wg1"))
    live = enrolled.kernel.links["wg1"].peers[key("peer b wg1")]
    assert {name: sorted(peers) for name, peers in told.items()} == {
        "wg0": ["runner"],
        "wg1": ["b", "runner"],
    }
    assert told["wg1"]["b"] == ends.digest("n", own, live.public, live.psk)
    # The kernel's key counts, whatever the file says.
    link = enrolled.kernel.links["wg1"]
    peers = {**link.peers, live.public: replace(live, psk=key("by hand"))}
    enrolled.kernel.links["wg1"] = replace(link, peers=peers)
    generation = generations.load(enrolled.machine, OLD.generation)
    assert ends.digests(enrolled.machine, generation, "n")["wg1"]["b"] != told["wg1"]["b"]
