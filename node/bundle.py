"""A bundle: every file of a node for one generation, as it arrives on stdin. Pure."""

import base64
import binascii
import hashlib
import json
import lzma
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from node import console, roles, wireguard
from node.errors import Refused

FORMAT = 1
LINK = "link"
"""What stands for a plane's slot, and for a peer's kind, where a link leads to another gateway."""

MANIFEST = "manifest.json"
REQUIRED = ("authorized_keys", "hosts", "nftables.nft", "ssh_host_ed25519_key", "sshd.conf",
            "sysctl.conf")  # fmt: skip
_FIELDS = {"format", "node", "incarnation", "generation", "files", "interfaces", "mesh", "keys"}
_MAYBE = {"was", "roles"}
_MODES = {"0600": 0o600, "0644": 0o644}
_KEY_BYTES = 32
# 200 nodes on four planes make about 0.6 MB; more than this is no bundle.
_MOST_BYTES = 32 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_INTERFACE = re.compile(r"wg[0-9a-z-]{1,13}")
_GENERATION = re.compile(r"[0-9a-f]{16}")
_PLACEHOLDER = re.compile(r"@K([0-9]{1,6})@")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a generation.

    Attributes:
        path: Relative to the generation's directory.
        mode: Permission bits.
        data: Content, keys filled in.
    """

    path: str
    mode: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that has been checked as far as its text can tell.

    Attributes:
        node: Which node it is for.
        was: The name that node had before, if it is being renamed.
        incarnation: Which server of that node it is for.
        generation: 16 hex digits, the hash of everything in it.
        files: Sorted by path.
        interfaces: What is declared of each interface: slot, port, mtu, addresses, peers (count).
        mesh: Whom each interface leads to: name, key, kind, v4, v6, public; `gateway` is the slot
            of one of the own site, and who is `beyond` is reached through them.
        roles: By role: packages, archive, shut, ahead, units, checks.
    """

    node: str
    was: str | None
    incarnation: int
    generation: str
    files: tuple[File, ...]
    interfaces: Mapping[str, Mapping[str, object]]
    mesh: Mapping[str, tuple[Mapping[str, str], ...]]
    roles: Mapping[str, Mapping[str, Any]]


def decode(text: str) -> Bundle:
    """Read a bundle: base64 (white space ignored) of xz of canonical JSON.

    Raises:
        Refused: It is cut short, altered, of another format, or asks for something unsafe.
    """
    raw = _decompress(text)
    try:
        data: object = json.loads(raw)
    except ValueError:
        _refuse("it is no JSON")
    # Before its fields: those of another format are others.
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        _refuse("it does not say its format")
    if data["format"] != FORMAT:
        _refuse(f"its format is {data['format']}, this tool knows {FORMAT}")
    if set(data) - _MAYBE != _FIELDS:
        _refuse("its fields are not those of a bundle")
    stated = data.pop("generation")
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if stated != hashlib.sha256(canonical.encode()).hexdigest()[:16]:
        _refuse("its content does not match its hash")
    try:
        keys = base64.b64decode(data["keys"], validate=True)
        bundle = Bundle(
            node=_text(data["node"]),
            was=_text(data["was"]) if "was" in data else None,
            incarnation=int(data["incarnation"]),
            generation=cast("str", stated),
            files=_files(data["files"], keys),
            interfaces=data["interfaces"],
            mesh=_mesh(data["mesh"], keys),
            roles=data.get("roles", {}),
        )
        _agree(bundle)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        # Only the kind of trouble: the text of such an error may quote a key.
        _refuse(f"a part of it has the wrong shape ({type(error).__name__})", error)
    return bundle


def is_generation(name: str) -> bool:
    """Whether ``name`` can be the name of a generation that came in a bundle."""
    return _GENERATION.fullmatch(name) is not None


def _refuse(what: str, cause: Exception | None = None) -> NoReturn:
    raise Refused(
        f"the bundle is refused: {what}",
        "run `pulumi up` again; if it stays, the runner and the tool differ in version",
    ) from cause


def _decompress(text: str) -> bytes:
    try:
        packed = base64.b64decode("".join(text.split()), validate=True)
        machine = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_BYTES)
        raw = machine.decompress(packed, _MOST_BYTES)
    except (binascii.Error, ValueError, lzma.LZMAError):
        _refuse("it is damaged or cut short")
    if not machine.eof or machine.unused_data:
        _refuse("it is cut short, too large, or something follows it")
    return raw


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _fill(text: str, keys: bytes) -> str:
    def entry(match: re.Match[str]) -> str:
        start = int(match[1]) * _KEY_BYTES
        raw = keys[start : start + _KEY_BYTES]
        if len(raw) != _KEY_BYTES:
            _refuse(f"it asks for key {match[1]}, which its table does not hold")
        return base64.b64encode(raw).decode()

    return _PLACEHOLDER.sub(entry, text)


def _files(entries: list[Mapping[str, str]], keys: bytes) -> tuple[File, ...]:
    if len(keys) % _KEY_BYTES:
        _refuse("its key table is no multiple of 32 bytes")
    files: dict[str, File] = {}
    for entry in entries:
        path = _text(entry["path"])
        if set(entry) != {"path", "mode", "text"} or not _safe(path):
            _refuse(f"the path {path!r} is not one inside a generation")
        if entry["mode"] not in _MODES:
            _refuse(f"{path} has the mode {entry['mode']!r}; only {sorted(_MODES)} are allowed")
        mode = _MODES[entry["mode"]]
        if mode != _MODES["0600"] and _is_secret(path):
            _refuse(f"{path} holds a secret and must have the mode 0600")
        if path in files:
            _refuse(f"{path} stands in it twice")
        files[path] = File(path=path, mode=mode, data=_fill(_text(entry["text"]), keys).encode())
    for path in files:
        if any(other.startswith(f"{path}/") for other in files):
            _refuse(f"{path} is both a file and a directory")
    return tuple(files[path] for path in sorted(files))


def _safe(path: str) -> bool:
    parts = path.split("/")
    deepest = 4
    return (
        path != MANIFEST
        and len(parts) <= deepest
        and all(_NAME.fullmatch(part) and ".." not in part for part in parts)
    )


def _is_secret(path: str) -> bool:
    return path in {"ssh_host_ed25519_key", console.FILE} or path.startswith(
        ("wireguard/", f"{roles.SECRETS}/")
    )


def _mesh(
    mesh: Mapping[str, list[Mapping[str, str]]], keys: bytes
) -> dict[str, tuple[Mapping[str, str], ...]]:
    return {
        interface: tuple(
            {name: _fill(_text(value), keys) for name, value in peer.items()} for peer in peers
        )
        for interface, peers in mesh.items()
    }


def _agree(bundle: Bundle) -> None:
    """Check the wg-quick files against what is stated of them, so that no peer can get lost."""
    files = {file.path: file.data.decode() for file in bundle.files}
    missing = [path for path in REQUIRED if path not in files]
    if missing:
        _refuse(f"it lacks {', '.join(missing)}")
    if console.FILE in files and (wrong := console.mistake(files[console.FILE])):
        _refuse(wrong)
    if wrong := roles.mistake(bundle.roles, files):
        _refuse(wrong)
    paths = {f"wireguard/{name}.conf" for name in bundle.interfaces}
    if not paths or paths != {path for path in files if path.startswith("wireguard/")}:
        _refuse("its interfaces and its WireGuard files are not the same")
    for name, stated in bundle.interfaces.items():
        if not _INTERFACE.fullmatch(name):
            _refuse(f"{name!r} is no name of an interface of ours")
        path = f"wireguard/{name}.conf"
        found = wireguard.parse(files[path], name=path)
        wanted = frozenset(
            wireguard.prefix(address, network=False)
            for address in cast("list[str]", stated["addresses"])
        )
        if len(found.peers) != stated["peers"]:
            _refuse(f"{path} has {len(found.peers)} peers, {stated['peers']} were declared")
        if (found.port, found.mtu, found.addresses) != (stated["port"], stated["mtu"], wanted):
            _refuse(f"{path} has another port, MTU or address than declared")
        # What is beyond a gateway has no WireGuard peer here.
        near = {peer["public"] for peer in bundle.mesh[name] if "beyond" not in peer}
        if near != set(found.peers):
            _refuse(f"{path} has other peers than the mesh names on {name}")
