"""What a bundle may be, and everything it may not."""

import base64
import copy
import json
import lzma
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import bundle
from node.errors import Refused, mask
from tests.node.recipe import Recipe, encode, key

GOOD = Recipe(roles={"sight": "one\n"}, hidden={"sight": "key\n"})
Damage = Callable[[dict[str, Any]], None]


def test_a_good_bundle_is_read_whole() -> None:
    """Names, files with modes, and keys in the place of placeholders come out as they went in."""
    read = bundle.decode(GOOD.encode())
    assert (read.node, read.incarnation, read.generation) == ("a", 1, GOOD.generation)
    files = {file.path: file for file in read.files}
    assert files["wireguard/wg1.conf"].mode == 0o600
    assert f"PrivateKey = {GOOD.private('wg1')}".encode() in files["wireguard/wg1.conf"].data
    assert b"@K" not in b"".join(file.data for file in read.files)
    assert [peer["name"] for peer in read.mesh["wg1"]] == ["runner", "b"]
    assert read.mesh["wg1"][1]["public"] == key("peer b wg1")


@given(st.integers(min_value=1, max_value=400))
def test_a_truncated_bundle_is_refused(cut: int) -> None:
    """Whatever is missing at the end, nothing of the bundle is taken."""
    text = "".join(GOOD.encode().split())
    with pytest.raises(Refused):
        bundle.decode(text[:-cut])


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_an_altered_bundle_is_refused(place: int, change: int) -> None:
    """One other byte anywhere in the document is found by the hash, or makes it unreadable."""
    document = lzma.decompress(base64.b64decode(GOOD.encode()))
    raw = bytearray(document)
    raw[place % len(raw)] ^= change
    try:
        same = json.loads(bytes(raw)) == json.loads(document)
    except ValueError:
        same = False
    text = base64.b64encode(lzma.compress(bytes(raw))).decode()
    if not same:
        with pytest.raises(Refused):
            bundle.decode(text)


def test_more_than_a_bundle_is_refused() -> None:
    """Bytes behind the end, another format and an unknown field are not passed over."""
    packed = base64.b64decode(GOOD.encode())
    for text in (
        base64.b64encode(packed + b"more").decode(),
        encode({**GOOD.document(), "format": 2}),
        encode({**GOOD.document(), "else": 1}),
        "",
        "not base64!",
    ):
        with pytest.raises(Refused):
            bundle.decode(text)


def _path(path: str) -> Damage:
    def damage(document: dict[str, Any]) -> None:
        document["files"].append({"path": path, "mode": "0600", "text": ""})

    return damage


def _mode(mode: str, path: str = "hosts") -> Damage:
    def damage(document: dict[str, Any]) -> None:
        next(entry for entry in document["files"] if entry["path"] == path)["mode"] = mode

    return damage


def _without(path: str) -> Damage:
    def damage(document: dict[str, Any]) -> None:
        document["files"] = [entry for entry in document["files"] if entry["path"] != path]

    return damage


def _stated(field: str, value: object) -> Damage:
    def damage(document: dict[str, Any]) -> None:
        document["interfaces"]["wg1"][field] = value

    return damage


def _replaced(old: str, new: str) -> Damage:
    def damage(document: dict[str, Any]) -> None:
        for entry in document["files"]:
            if entry["path"] == "wireguard/wg1.conf":
                assert old in entry["text"]
                entry["text"] = entry["text"].replace(old, new, 1)

    return damage


def _short_table(document: dict[str, Any]) -> None:
    table = base64.b64decode(document["keys"])
    document["keys"] = base64.b64encode(table[:-32]).decode()


def _odd_table(document: dict[str, Any]) -> None:
    table = base64.b64decode(document["keys"])
    document["keys"] = base64.b64encode(table[:-1]).decode()


def _lost_peer(document: dict[str, Any]) -> None:
    entry = next(e for e in document["files"] if e["path"] == "wireguard/wg1.conf")
    entry["text"] = entry["text"].partition("\n# b\n")[0] + "\n"


def _foreign_interface(document: dict[str, Any]) -> None:
    for entry in document["files"]:
        entry["path"] = entry["path"].replace("wg1", "eth0")
    document["interfaces"]["eth0"] = document["interfaces"].pop("wg1")
    document["mesh"]["eth0"] = document["mesh"].pop("wg1")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_path("../../etc/passwd"), "not one inside"),
        (_path("/etc/passwd"), "not one inside"),
        (_path("wireguard/../../x"), "not one inside"),
        (_path("a//b"), "not one inside"),
        (_path(".hidden"), "not one inside"),
        (_path("manifest.json"), "not one inside"),
        (_path(""), "not one inside"),
        (_path("hosts/inner"), "both a file and a directory"),
        (_path("hosts"), "twice"),
        (_mode("4755"), "mode"),
        (_mode("0666"), "mode"),
        (_mode("600"), "mode"),
        (_mode("0644", "wireguard/wg1.conf"), "holds a secret"),
        (_mode("0644", "ssh_host_ed25519_key"), "holds a secret"),
        (_mode("0644", "secrets/sight/it.key"), "holds a secret"),
        (_without("nftables.nft"), "lacks nftables.nft"),
        (_without("wireguard/wg1.conf"), "not the same"),
        (_stated("peers", 3), "2 peers, 3 were declared"),
        (_lost_peer, "1 peers, 2 were declared"),
        (_stated("port", 51830), "another port"),
        (_stated("addresses", ["10.201.1.2/16"]), "another port, MTU or address"),
        (_stated("addresses", None), "wrong shape"),
        (_replaced("PrivateKey = ", "PrivateKey = x"), "private key"),
        (_replaced("PublicKey = ", "PublicKey = x"), "public key"),
        (_replaced("AllowedIPs = 10", "AllowedIPs = 1000"), "no address"),
        (_replaced("Endpoint = 198.51.100.", "Endpoint = host.example"), "no address"),
        (_short_table, "does not hold"),
        (_odd_table, "multiple of 32"),
        (_foreign_interface, "no name of an interface"),
    ],
)
def test_a_bundle_that_could_do_harm_is_refused(damage: Damage, said: str) -> None:
    """A well-hashed bundle with one unsafe or contradictory part is refused, and says which."""
    document = copy.deepcopy(GOOD.document())
    damage(document)
    with pytest.raises(Refused) as refused:
        bundle.decode(encode(document))
    assert said in refused.value.error


def test_a_wrong_hash_is_refused() -> None:
    """A bundle that states another generation than its content's is refused."""
    with pytest.raises(Refused, match="hash"):
        bundle.decode(encode(GOOD.document(), generation="0" * 16))


def test_errors_hide_keys() -> None:
    """Keys and key files in a message are masked; its other words stay."""
    pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
    said = mask(f"Key is not the correct length: `{key('x')}' in {pem} of wg1")
    assert said == "Key is not the correct length: `(key)' in (key file) of wg1"
    assert key("x") not in str(Refused(key("x"), "").error)
