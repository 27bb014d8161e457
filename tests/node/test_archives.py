"""Archives beside Debian's: only what is signed with the key that the bundle names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import archives, openpgp, packages, roles
from node.commands import Result
from tests.node.model import Box
from tests.node.recipe import needs_of
from tests.node.steps import refusal

HERE = Path(__file__).parent / "archive"
KEYS = (HERE / "keys.asc").read_bytes()
OWN, OTHER = "D92290240899C1FD13F4F715D18F661A947C57AE", "777D89D1FC78A118E42CCE05A42A819A16B8649E"
"""What GnuPG says of the two certificates, the first of which has a subkey."""

ARCHIVE = {
    "uri": "https://apt.example.org",
    "suite": "stable",
    "component": "main",
    "key": "https://apt.example.org/keys.asc",
    "fingerprint": OWN,
}


def _packet(body: bytes, *, old: bool, tag: int = 6) -> bytes:
    """One packet (RFC 9580, section 4.2), its length in four octets."""
    size = len(body).to_bytes(4, "big")
    return (bytes([0x80 | tag << 2 | 2]) if old else bytes([0xC0 | tag, 255])) + size + body


def test_of_many_certificates_one_is_taken_whole() -> None:
    """Each by its own fingerprint, with all that belongs to it and nothing of the other's."""
    own, other = (openpgp.certificate(KEYS, one) for one in (OWN, OTHER))
    assert b"archive@example.org" in own
    assert b"other@example.org" in other
    assert b"other@" not in own
    assert b"archive@" not in other
    assert len(own) > len(other) > 200
    assert openpgp.certificate(own + other, OTHER) == other
    assert openpgp.certificate(own, OTHER) == b""
    # A subkey's fingerprint is no certificate's.
    assert openpgp.certificate(KEYS, "643C0C48EBBC6CE08F14C2C9C88F839B4F84709D") == b""


@pytest.mark.parametrize("kind", [5, 7, 8, 11, 20])
def test_what_is_appended_is_not_taken(kind: int) -> None:
    """A secret key begins another certificate, as do things that belong to none."""
    own, other = (openpgp.certificate(KEYS, one) for one in (OWN, OTHER))
    smuggled = _packet(b"x" * 50, old=False, tag=kind) + _packet(b"y" * 50, old=False, tag=2)
    assert openpgp.certificate(own + smuggled, OWN) == own
    assert openpgp.certificate(own + smuggled + other, OTHER) == other


def test_blocks_behind_one_another_are_all_read() -> None:
    """A file may hold several armoured certificates; a line end may be of two characters."""
    twice = KEYS.replace(b"\n", b"\r\n") + b"\n" + KEYS
    assert openpgp.certificate(twice, OWN) == 2 * openpgp.certificate(KEYS, OWN)


@pytest.mark.parametrize(
    "offered",
    [
        b"",
        b"<html>not found</html>",
        KEYS[:400],
        KEYS.replace(b"mDME", b"!!!!"),
        openpgp.certificate(KEYS, OWN)[:-1],
        b"\xc6\xe0" + bytes(300),
        b"\x9b" + bytes(300),
        b"\xc6",
        b"\x9a\x00\x01\x00\x01\x04" + bytes(0x10000),
    ],
)
def test_what_is_no_certificate_is_none(offered: bytes) -> None:
    """Nothing is taken of what cannot be read to its end."""
    assert openpgp.certificate(offered, OWN) == b""


@given(st.binary(max_size=400), st.sampled_from([OWN, OTHER]))
def test_whatever_is_offered_nothing_else_is_taken(offered: bytes, fingerprint: str) -> None:
    """Any bytes give no certificate."""
    assert openpgp.certificate(offered, fingerprint) == b""


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.booleans())
def test_packets_are_cut_where_they_end(bodies: list[bytes], old: bool) -> None:  # noqa: FBT001
    """Packets of another kind before the certificate do not move its bounds."""
    plain = openpgp.certificate(KEYS, OWN)
    before = b"".join(_packet(body, old=old, tag=13) for body in bodies)
    assert openpgp.certificate(before + plain, OWN) == plain


@pytest.mark.parametrize(
    "changed",
    [
        {"uri": "http://a.example.org"},
        {"uri": "file:/tmp"},
        {"key": "https://a.example.org/k\nx"},
        {"suite": "stable\nTrusted: yes"},
        {"component": "main\n"},
        {"fingerprint": "9E"},
        {"more": "x"},
    ],
)
def test_an_archive_that_is_told_otherwise_is_refused(changed: dict[str, str]) -> None:
    """A bundle says nothing to apt but an address, a suite, a component; all of it by https."""
    told = needs_of("sight", hides=False)
    files = [f"units/{name}" for name in told["units"]]
    assert roles.mistake({"sight": {**told, "archive": ARCHIVE}}, files) is None
    wrong = {"sight": {**told, "archive": {**ARCHIVE, **changed}}}
    assert "has the wrong shape" in str(roles.mistake(wrong, files))
    assert "has the wrong shape" in str(roles.mistake({"sight": {**told, "archive": {}}}, files))


@dataclass
class Web:
    """apt's helper and what it downloads, and what apt says of archives; all else is the machine's.

    Attributes:
        inner: the machine's own.
        offers: what is downloaded; nothing if there is nothing.
        trusts: fingerprint of the key that the archive is signed with.
        asked: what was downloaded.
        tried: entries that apt was asked to try.
    """

    inner: Any
    offers: bytes = KEYS
    trusts: str = OWN
    asked: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def run(self, argv: list[str], **rest: Any) -> Result:  # noqa: ANN401 - as the machine's own
        """Download, try, or hand on."""
        if argv[0] == "install":
            Path(argv[-1]).mkdir(exist_ok=True)
            assert "--owner=_apt" in argv
        elif argv[0].endswith("apt-helper"):
            assert argv[1] == "download-file"
            self.asked.append(argv[2])
            if not self.offers:
                return Result(code=100, out="", err="E: 404  Not Found")
            Path(argv[3]).write_bytes(self.offers)
        elif argv[:3] == ["apt-get", "-q", "update"]:
            return self._tried(argv)
        else:
            result: Result = self.inner(argv, **rest)
            return result
        return Result(code=0, out="", err="")

    def _tried(self, argv: list[str]) -> Result:
        assert "APT::Update::Error-Mode=any" in argv
        (name,) = [word.partition("=")[2] for word in argv if "sourcelist=" in word]
        text = Path(name).read_text()
        keyring = re.findall(r"^Signed-By: (\S+)$", text, re.MULTILINE)
        self.tried.append(text)
        well = Path(keyring[0]).read_bytes() == openpgp.certificate(KEYS, self.trusts)
        return Result(code=0 if well else 100, out="", err="" if well else "E: not signed")


@pytest.fixture
def web(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> Web:
    """A machine that can download."""
    made = Web(inner=enrolled.machine.commands.run)
    monkeypatch.setattr(enrolled.machine.commands, "run", made.run)
    return made


def _ensure(box: Box, fingerprint: str = OWN) -> list[str]:
    others = {"sight": {**ARCHIVE, "fingerprint": fingerprint}}
    return packages.ensure(box.machine, ["sight"], shut=(), ahead={}, others=others)


def _written(box: Box) -> list[Path]:
    names = ("/etc/apt/keyrings", "/etc/apt/sources.list.d")
    return sorted(path for name in names for path in box.layout.at(name).glob("backplane-*"))


def test_an_archive_is_there_before_apt_asks(enrolled: Box, web: Web) -> None:
    """Its keyring holds that certificate alone, for it alone; then nothing is fetched again."""
    assert _ensure(enrolled) == ["sight"]
    keyring, sources = _written(enrolled)
    assert keyring.read_bytes() == openpgp.certificate(KEYS, OWN)
    assert sources.read_text().splitlines()[:5] == [
        "Types: deb",
        "URIs: https://apt.example.org",
        "Suites: stable",
        "Components: main",
        "Signed-By: /etc/apt/keyrings/backplane-sight.gpg",
    ]
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in (keyring, sources))
    assert web.asked == [ARCHIVE["key"]]
    assert _ensure(enrolled) == []
    assert len(web.asked) == len(web.tried) == 1
    for name in (archives.FETCHED, archives.TRIED):
        assert list(enrolled.layout.at(name).iterdir()) == []


def test_another_key_is_refused_and_nothing_is_there(enrolled: Box, web: Web) -> None:
    """The error names what was looked for; apt is not asked at all."""
    said = refusal(_ensure, enrolled, "A" * 40)
    assert f"has no key with the fingerprint {'A' * 40}" in said
    web.offers = b""
    assert "cannot be had" in refusal(_ensure, enrolled)
    assert _written(enrolled) == []
    assert web.tried == []


def test_what_apt_does_not_take_is_never_its(enrolled: Box, web: Web) -> None:
    """It is tried elsewhere first; one that was taken before stays as it was."""
    web.trusts = OTHER
    assert "E: not signed" in refusal(_ensure, enrolled)
    assert _written(enrolled) == []
    web.trusts = OWN
    _ensure(enrolled)
    before = [path.read_bytes() for path in _written(enrolled)]
    assert "E: not signed" in refusal(_ensure, enrolled, OTHER)
    assert [path.read_bytes() for path in _written(enrolled)] == before


def test_an_install_that_fails_leaves_the_archive(enrolled: Box, web: Web) -> None:
    """It is a good one; what failed was something else."""
    enrolled.kernel.refuse = lambda argv: "E: no such mirror" if "install" in argv else None
    assert "no such mirror" in refusal(_ensure, enrolled)
    assert len(_written(enrolled)) == 2
    assert len(web.tried) == 1


def test_a_new_key_is_fetched_though_the_package_is_there(enrolled: Box, web: Web) -> None:
    """One that is declared anew, and one whose keyring somebody took away to have it fresh."""
    _ensure(enrolled)
    web.trusts = OTHER
    assert _ensure(enrolled, OTHER) == []
    keyring, _ = _written(enrolled)
    assert keyring.read_bytes() == openpgp.certificate(KEYS, OTHER)
    keyring.unlink()
    assert _ensure(enrolled, OTHER) == []
    assert keyring.exists()
    assert len(web.asked) == 3
