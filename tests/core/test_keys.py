"""Keys: the right arithmetic, one key per purpose, and nothing that prints itself."""

import base64
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)

from backplane import keys
from backplane.keys import Secret
from tests.core import example, tools

ROOT = example.seed("root")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a node key is made from."""

    seed: bytes = example.seed("seed")
    salt: bytes = example.seed("salt")
    slot: str = "storage"
    epoch: int = 1
    incarnation: int = 1

    def key(self) -> Secret:
        """The key itself."""
        return keys.node_key(
            self.seed,
            self.salt,
            slot=self.slot,
            epoch=self.epoch,
            incarnation=self.incarnation,
        )


def test_public_key_is_that_of_rfc_7748() -> None:
    """Alice's key pair of RFC 7748 section 6.1; another private key has another public one."""
    private = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert base64.b64decode(keys.public_key(Secret(private))).hex() == public
    assert base64.b64decode(keys.public_key(Secret(bytes(31) + b"\x40"))).hex() != public


def test_public_key_agrees_with_wg() -> None:
    """`wg pubkey` computes the same public key from the same private one."""
    private = Inputs().key()
    told, said = tools.accepts(tools.need("wg"), "pubkey", stdin=private.base64() + "\n")
    assert told
    assert said.strip() == keys.public_key(private)


def test_private_keys_are_clamped_and_psks_are_not() -> None:
    """RFC 7748 section 5: low three bits clear, top bit clear, next one set; 32 bytes only."""
    for number in range(50):
        raw = Inputs(seed=example.seed(number)).key().reveal()
        assert (raw[0] & 7, raw[31] & 0xC0) == (0, 0x40)
    raws = [keys.psk(ROOT, "1.1", f"1.{n}", slot="storage").reveal() for n in range(2, 52)]
    assert any(raw[0] & 7 or raw[31] & 0xC0 != 0x40 for raw in raws)
    with pytest.raises(ValueError, match="32 bytes"):
        keys.clamp(bytes(31))


@pytest.mark.parametrize(
    "other",
    [
        Inputs(seed=example.seed("another seed")),
        Inputs(salt=example.seed("another salt")),
        Inputs(slot="management"),
        Inputs(epoch=2),
        Inputs(incarnation=2),
    ],
)
def test_every_input_makes_another_key(other: Inputs) -> None:
    """Seed, salt, plane, epoch and incarnation each change the key; the same inputs never do."""
    assert other.key() == replace(other).key()
    assert other.key() != Inputs().key()


def test_psks_differ_per_pair_plane_and_root() -> None:
    """A PSK belongs to a pair, in whatever order, on one plane, under one root."""
    first = keys.psk(ROOT, "1.1", "2.1", slot="storage")
    assert first == keys.psk(ROOT, "2.1", "1.1", slot="storage")
    assert first != keys.psk(ROOT, "1.1", "2.2", slot="storage")
    assert first != keys.psk(ROOT, "1.1", "2.1", slot="management")
    assert first != keys.psk(example.seed("other"), "1.1", "2.1", slot="storage")
    assert keys.psk(ROOT, "1.12", "1.1", slot="storage") != keys.psk(
        ROOT, "1.1", "2.11", slot="storage"
    )
    with pytest.raises(ValueError, match="itself"):
        keys.psk(ROOT, "1.1", "1.1", slot="storage")


def test_no_two_keys_of_a_mesh_are_equal() -> None:
    """All WireGuard keys, SSH keys, PSKs and one-time keys of the example are different."""
    made = example.material()
    raws = [key.reveal() for own in made.identities.values() for key in own.wireguard.values()]
    raws += [own.ssh.private.reveal() for own in made.identities.values()]
    members = made.plan.everyone
    raws += [
        keys.psk(made.roots[slot], one.key, two.key, slot=slot).reveal()
        for slot in made.plan.slots
        for one in members
        for two in members
        if one.key < two.key
    ]
    for node in made.plan.nodes:
        for incarnation in (1, 2):
            once = keys.bootstrap(example.seed("node", node.key), incarnation)
            raws += [once.wireguard.reveal(), once.psk.reveal(), once.host.private.reveal()]
    assert len(raws) == len(set(raws))


def test_short_key_material_is_refused() -> None:
    """A seed, salt or root below 32 bytes makes no key."""
    with pytest.raises(ValueError, match="at least 32"):
        Inputs(seed=b"short").key()
    with pytest.raises(ValueError, match="at least 32"):
        Inputs(salt=b"short").key()
    with pytest.raises(ValueError, match="at least 32"):
        keys.psk(b"short", "1.1", "1.2", slot="storage")


def test_ssh_keys_read_the_same_to_openssh_and_the_library(tmp_path: Path) -> None:
    """`ssh-keygen -y` and cryptography both find the stated public key in the private file."""
    tool = tools.need("ssh-keygen")
    for number in range(3):
        pair = keys.ssh_key(example.seed(number), purpose="host")
        file = tmp_path / f"key{number}"
        file.touch(mode=0o600)
        file.write_bytes(pair.private.reveal())
        accepted, said = tools.accepts(tool, "-y", "-f", file)
        assert accepted, said
        assert said.strip() == pair.public
        loaded = load_ssh_private_key(pair.private.reveal(), password=None)
        assert isinstance(loaded, Ed25519PrivateKey)
        public = loaded.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        assert public.decode() == pair.public


def test_a_damaged_ssh_key_is_refused(tmp_path: Path) -> None:
    """The negative: with one character changed, ssh-keygen takes it no more."""
    text = keys.ssh_key(example.seed("x"), purpose="host").private.text()
    lines = text.splitlines(keepends=True)
    lines[2] = ("B" if lines[2][0] == "A" else "A") + lines[2][1:]
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text("".join(lines))
    assert not tools.accepts(tools.need("ssh-keygen"), "-y", "-f", file)[0]


def test_ssh_keys_differ_by_purpose_and_incarnation() -> None:
    """A node's host key, its next machine's and a user key of the same seed are all different."""
    seed = example.seed("x")
    texts = {
        keys.ssh_key(seed, purpose="host").public,
        keys.ssh_key(seed, purpose="host", incarnation=2).public,
        keys.ssh_key(seed, purpose="user").public,
        keys.bootstrap(seed, 1).host.public,
    }
    assert len(texts) == 4
    assert keys.ssh_key(seed, purpose="host") == keys.ssh_key(seed, purpose="host")


def test_a_secret_never_prints() -> None:
    """Neither repr, str, format nor a dataclass around it shows a byte; pickling is refused."""
    made = example.material()
    own = made.identities["fsn-a"]
    secret = own.wireguard["storage"]
    shown = f"{secret} {secret!r} {own!r} {own.ssh!r} {keys.bootstrap(ROOT, 1)!r}"
    for value in (secret.base64(), secret.reveal().hex(), repr(secret.reveal()), "PRIVATE"):
        assert value not in shown
    assert "ssh-ed25519" in shown
    with pytest.raises(TypeError, match="pickling"):
        pickle.dumps(secret)


def test_what_a_person_brings_wins_over_what_the_stack_makes() -> None:
    """A brought WireGuard key and SSH key stand on the card; the other planes keep the stack's."""
    made = example.material()
    own, brought = made.identities["alice"], keys.public_key(Inputs().key())
    card = keys.card(own, key="255.1", public_keys={"management": brought}, ssh="ssh-ed25519 AAAA")
    assert card.wireguard["management"] == brought
    assert card.ssh == "ssh-ed25519 AAAA"
    assert card.wireguard["monitoring"] == keys.public_key(own.wireguard["monitoring"])
