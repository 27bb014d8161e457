"""Bundles: complete, the same every time, read alike by the node tool, and small enough."""

import base64
import copy
import json
import lzma
import time
from collections.abc import Callable

import pytest

import node.bundle
from backplane.render import bundle
from backplane.render.bundle import Bundle
from backplane.render.keytable import KeyTable, fill
from tests.core import example, golden

MADE = example.material()


def _bundle(name: str, made: example.Material = MADE) -> Bundle:
    return bundle.bundle(made.plan, name, made.identities[name], made.cards, made.roots)


def _birth(name: str, made: example.Material = MADE) -> Bundle:
    runners = {person.name: made.cards[person.name] for person in made.plan.runners}
    return bundle.birth(made.plan, name, made.identities[name], runners, made.roots)


@pytest.mark.parametrize(("kind", "make"), [("bundle", _bundle), ("birth", _birth)])
def test_the_document_reads_as_looked_at(kind: str, make: Callable[[str], Bundle]) -> None:
    """What surrounds the files (which have golden files of their own) equals its golden file."""
    document = dict(make("fsn-a").document)
    document["files"] = [[entry["path"], entry["mode"]] for entry in document["files"]]
    document["keys"] = f"{len(base64.b64decode(document['keys'])) // 32} keys"
    text = json.dumps(document, indent=1) + "\n"
    golden.compare(f"fsn-a/{kind}.json", text)


def test_the_node_tool_reads_the_same_files() -> None:
    """For every node: the tool accepts bundle and birth and finds the very files meant."""
    for planned in MADE.plan.nodes:
        for made in (_bundle(planned.name), _birth(planned.name)):
            read = node.bundle.decode(made.encode())
            assert read.generation == made.generation
            assert {file.path: file.data.decode() for file in read.files} == {
                path: file.text for path, file in made.files().items()
            }
            assert {f"{file.mode:04o}" for file in read.files} == {"0600", "0644"}


def test_encoding_is_stable_and_loses_nothing() -> None:
    """Twice the same input is the same text; decoding gives the bundle back."""
    made = _bundle("fsn-a")
    again = bundle.bundle(
        MADE.plan,
        "fsn-a",
        MADE.identities["fsn-a"],
        dict(reversed(MADE.cards.items())),
        MADE.roots,
    )
    assert made.encode() == again.encode()
    assert bundle.decode(made.encode()) == made


def test_the_generation_names_the_content() -> None:
    """A changed byte is another generation, and a bundle that lies about it is refused."""
    made = _bundle("fsn-a")
    document = copy.deepcopy(dict(made.document))
    document["files"][0]["text"] += " "
    text = json.dumps({**document, "generation": made.generation})
    packed = base64.b64encode(lzma.compress(text.encode())).decode()
    with pytest.raises(ValueError, match=made.generation):
        bundle.decode(packed)
    assert _bundle("fsn-b").generation != made.generation


def test_no_key_stands_in_the_text() -> None:
    """Every WireGuard key and PSK is in the table alone; texts hold placeholders."""
    document = dict(_bundle("fsn-a").document)
    table = base64.b64decode(document.pop("keys"))
    text = json.dumps(document)
    entries = [table[at : at + 32] for at in range(0, len(table), 32)]
    assert len(set(entries)) == len(entries)
    for entry in entries:
        assert base64.b64encode(entry).decode() not in text
    # 4 own keys; 4 + 5 + 4 + 3 peers on the planes, with a public key and a PSK each.
    assert len(entries) == 4 + 2 * 16


def test_secret_files_are_closed() -> None:
    """Keys, rules and authorized keys are 0600; what daemons' users may read is 0644."""
    modes = {path: file.mode for path, file in _bundle("fsn-a").files().items()}
    assert modes == {
        "authorized_keys": "0600",
        "console": "0600",
        "hosts": "0644",
        "nftables.nft": "0600",
        "ssh_host_ed25519_key": "0600",
        "ssh_host_ed25519_key.pub": "0644",
        "sshd.conf": "0644",
        "sysctl.conf": "0644",
        "units/backplane-metrics.service": "0644",
        "units/backplane-metrics.timer": "0644",
        "units/backplane-node-exporter.service": "0644",
        "roles/traffic/classes.json": "0644",
        "units/backplane-traffic.service": "0644",
        **{f"wireguard/wg{n}.conf": "0600" for n in range(4)},
    }


def test_a_bundle_does_not_show_itself() -> None:
    """Its repr holds no key and no file."""
    made = _bundle("fsn-a")
    assert made.document["keys"] not in repr(made)
    assert "PRIVATE" not in repr(made)
    assert "PRIVATE" not in repr(made.files())


def test_birth_knows_the_runner_and_nobody_else() -> None:
    """Two planes, one peer each; no other node's name, address or key, so it never changes."""
    made = _birth("fsn-a")
    assert set(made.document["mesh"]) == {"wg0", "wg1"}
    for peers in made.document["mesh"].values():
        assert [peer["name"] for peer in peers] == ["runner"]
    for path, file in made.files().items():
        for other in ("fsn-b", "hel-a", "hel-b", "alice", "51822", "51823"):
            assert other not in file.text, path
    raw = example.raw()
    del raw["sites"]["hel"]
    del raw["operators"]
    assert _birth("fsn-a", example.material(raw)).encode() == made.encode()
    assert _bundle("fsn-a", example.material(raw)).encode() != _bundle("fsn-a").encode()


def test_adding_a_node_leaves_ports_and_own_keys_as_they_are() -> None:
    """A fifth node adds one peer to each interface and takes none away."""
    raw = example.raw()
    raw["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    before, after = _bundle("fsn-a"), _bundle("fsn-a", example.material(raw))
    for interface, old in before.document["mesh"].items():
        names = [peer["name"] for peer in old]
        now = [peer["name"] for peer in after.document["mesh"][interface]]
        assert set(now) - set(names) == {"hel-c"}
        assert set(names) <= set(now)
        own = before.files()[f"wireguard/{interface}.conf"].text.split("\n\n")[0]
        assert after.files()[f"wireguard/{interface}.conf"].text.split("\n\n")[0] == own


def test_key_table_fills_what_it_took() -> None:
    """Placeholders turn back into the keys; equal keys share an entry; odd sizes are refused."""
    table = KeyTable()
    one, two = example.seed(1), example.seed(2)
    text = f"{table.add(one)} {table.add(two)} {table.add(one)}"
    assert text == "@K0@ @K1@ @K0@"
    first, second = (base64.b64encode(key).decode() for key in (one, two))
    assert fill(text, table.encode()) == f"{first} {second} {first}"
    with pytest.raises(ValueError, match="32 bytes"):
        table.add(b"short")


def _encoded(count: int) -> int:
    made = example.material(example.grown(count))
    return sum(len(_bundle(name.name, made).encode()) for name in made.plan.nodes)


def test_a_bundle_grows_with_the_number_of_peers_and_no_faster() -> None:
    """Twice the nodes: each bundle at most 2.1 times as long."""
    assert _encoded(80) / 80 < 2.1 * _encoded(40) / 40


def test_two_hundred_nodes_render_in_seconds() -> None:
    """Ten bundles of a 200-node mesh take less than 2 s of processor time, all below a minute."""
    made = example.material(example.grown(200))
    start = time.process_time()
    for planned in made.plan.nodes[:10]:
        _bundle(planned.name, made).encode()
    assert time.process_time() - start < 2
