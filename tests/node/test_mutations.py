"""The tests' own spoiled bundles: the node tool takes each, and only what is meant is wrong."""

from difflib import ndiff

import pytest

from backplane.render import bundle as rendered
from node import bundle
from node.errors import Refused
from tests.core import example
from tests.lab import mutant

MATERIAL = example.material()
NODE = MATERIAL.plan.nodes[0].name
WHERE = {
    "shut-ssh": {"nftables.nft"},
    "shut-all": {"nftables.nft"},
    "deaf-sshd": {"sshd.conf"},
    "rude-sshd": {"sshd.conf"},
    "lost-runner": {"wireguard/wg0.conf", "wireguard/wg1.conf"},
    "runner-psk": {"wireguard/wg0.conf", "wireguard/wg1.conf"},
    "peer-psk": {"wireguard/wg2.conf"},
}
"""Which files each kind spoils."""


def _honest() -> rendered.Bundle:
    return rendered.bundle(
        MATERIAL.plan, NODE, MATERIAL.identities[NODE], MATERIAL.cards, MATERIAL.roots
    )


@pytest.mark.parametrize("kind", mutant.KINDS)
def test_a_spoiled_bundle_is_taken_and_differs_where_it_should(kind: str) -> None:
    """Staging has nothing to object to; each spoiled file differs in few lines, others in none."""
    honest, spoiled = _honest(), mutant.spoil(_honest(), kind)
    assert bundle.decode(spoiled.encode()).generation == spoiled.generation != honest.generation
    before, after = honest.files(), spoiled.files()
    assert {path for path in before if before[path] != after[path]} == WHERE[kind]
    for path in WHERE[kind]:
        old, new = (files[path].text.splitlines() for files in (before, after))
        touched = [line for line in ndiff(old, new) if line.startswith(("-", "+"))]
        assert 1 <= len(touched) <= 10, touched


def test_a_truncated_bundle_is_refused() -> None:
    """The half that arrives is no bundle, and the tool says so."""
    with pytest.raises(Refused, match="cut short"):
        bundle.decode(mutant.spoil(_honest(), "truncated").encode())


def test_a_mutation_that_misses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that changes nothing would make its test prove nothing."""
    monkeypatch.setitem(mutant.KINDS, "nothing", lambda _document: None)
    with pytest.raises(ValueError, match="changes nothing"):
        mutant.spoil(_honest(), "nothing")
