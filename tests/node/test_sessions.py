"""Of each pair one end calls, and nothing of a change is lost on the way."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from node import changes, sessions
from node.changes import Change
from node.wireguard import Interface
from tests.node.test_changes import KEYS, applied, interfaces, settings


def _staged(live: Interface, wanted: Interface, calls: frozenset[str]) -> sessions.Stages:
    return sessions.stages(changes.difference(live, wanted), live, wanted, calls)


@given(interfaces(), interfaces(), st.frozensets(st.sampled_from(KEYS)))
def test_the_three_stages_together_are_the_change(
    live: Interface, wanted: Interface, calls: frozenset[str]
) -> None:
    """Whoever calls, the end is the same as that of the change in one."""
    staged = _staged(live, wanted, calls)
    result = live
    for stage in (staged.flip, staged.call, staged.answer):
        result = applied(result, stage)
    assert result == settings(wanted, of=result)
    assert not changes.difference(result, wanted)


@given(interfaces(), interfaces())
def test_no_two_ends_call_each_other_at_the_flip(live: Interface, wanted: Interface) -> None:
    """At the flip a new peer has prefixes or somewhere to call, never both: nobody can call."""
    prepared = applied(live, changes.additions(live, wanted, frozenset()))
    for calls in (frozenset(KEYS), frozenset[str]()):
        staged = _staged(prepared, wanted, calls)
        flipped = applied(prepared, staged.flip)
        for public, peer in flipped.peers.items():
            before = prepared.peers.get(public)
            new = peer.allowed and not (before and before.allowed)
            if new and wanted.peers[public].endpoint and not (before and before.endpoint):
                assert peer.endpoint is None
        assert {peer.public for peer in staged.call.peers} <= calls
        assert not {peer.public for peer in staged.answer.peers} & calls


@given(interfaces())
def test_what_carries_already_is_changed_at_once(live: Interface) -> None:
    """Other PSKs of peers that have their prefixes wait for nothing."""
    peers = {public: replace(peer, psk=None) for public, peer in live.peers.items() if peer.allowed}
    live = replace(live, peers=peers)
    wanted = replace(
        live, peers={public: replace(peer, psk="new") for public, peer in live.peers.items()}
    )
    staged = _staged(live, wanted, frozenset(KEYS))
    assert staged.call == staged.answer == Change()
    assert len(staged.flip.peers) == len(live.peers)
