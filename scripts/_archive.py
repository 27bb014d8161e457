"""A backup of a stack: what it is about, its state and its settings, as one archive.

The archive is a gzipped tar with three members, so that `age --decrypt FILE | tar xz` opens a
backup where nothing else is at hand. The manifest comes first and has a hash of both others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

Json = Mapping[str, Any]

FORMAT = 1
MANIFEST, STATE, SETTINGS = "manifest.json", "state.json", "settings.yaml"
MEMBERS = (MANIFEST, STATE, SETTINGS)

LARGEST = 256 * 1024 * 1024
"""Bytes of a member at most: 200 nodes have a state of 15 MB."""

_WORDS = ("project", "stack", "taken")

_STATE = {"saved": str, "resources": int, "pending": int, "engine": str}
_NEEDS = {"backend": str, "secrets": str, "clouds": [str], "runner": str}
_FORM = {
    **dict.fromkeys((*_WORDS, "version", "commit", "origin"), str),
    "changed": bool,
    "state": _STATE,
    "needs": _NEEDS,
}
"""What a manifest may say; a later program's other words are not looked at."""


class Broken(ValueError):  # noqa: N818 - what a person is told of the file
    """This is no backup, or not a whole one."""


@dataclass(frozen=True, slots=True)
class State:
    """A stack's state as `pulumi stack export` writes it; secrets in it are encrypted.

    Attributes:
        deployment: the export's `deployment`.
    """

    deployment: Json

    @classmethod
    def read(cls, text: bytes | str) -> State:
        """Read an export.

        Raises:
            Broken: It is none.
        """
        try:
            found = json.loads(text)
            deployment = found["deployment"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Broken("its state is no export of a stack") from None
        parts = {"manifest": dict, "resources": list, "pending_operations": list}
        if not isinstance(deployment, dict) or any(
            not isinstance(deployment.get(word) or kind(), kind) for word, kind in parts.items()
        ):
            raise Broken("its state is no export of a stack")
        return cls(deployment)

    @property
    def resources(self) -> int:
        """How many resources it has."""
        return len(self.deployment.get("resources") or ())

    @property
    def pending(self) -> int:
        """How many operations of it were cut."""
        return len(self.deployment.get("pending_operations") or ())

    @property
    def saved(self) -> str:
        """When the engine wrote it: RFC 3339. An import keeps it, an `up` moves it."""
        return str((self.deployment.get("manifest") or {}).get("time", ""))

    def newer_than(self, other: State) -> bool:
        """Whether the engine wrote this after the other one. One without resources is no state."""
        return self.resources > 0 and moment(self.saved) > moment(other.saved)


def moment(time: str) -> dt.datetime:
    """A time of the engine's, which has the zone of the machine that wrote it, for comparing."""
    try:
        found = dt.datetime.fromisoformat(time)
    except ValueError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=False, kw_only=True)
class Backup:
    """What a backup holds.

    Attributes:
        about: the manifest: `project`, `stack`, `taken`, the program's `version` and `commit`, and
            in `needs` what a new control machine must have besides.
        raw_state: the state as exported.
        settings: the stack's file, with its salt or encrypted key.
    """

    about: Json
    raw_state: bytes
    settings: bytes

    def __repr__(self) -> str:
        return f"Backup({self.stack}, {self.about['taken']})"

    @cached_property
    def state(self) -> State:
        """The state, read."""
        return State.read(self.raw_state)

    @property
    def project(self) -> str:
        """The project's name."""
        return str(self.about["project"])

    @property
    def stack(self) -> str:
        """The stack's name, without organisation and project."""
        return str(self.about["stack"])

    def pack(self) -> bytes:
        """The archive."""
        files = {STATE: self.raw_state, SETTINGS: self.settings}
        hashes = {name: hashlib.sha256(held).hexdigest() for name, held in files.items()}
        manifest = {"format": FORMAT, **self.about, "sha256": hashes}
        members = {MANIFEST: json.dumps(manifest, indent=2, sort_keys=True).encode(), **files}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
            for name, held in members.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(held), 0o600
                archive.addfile(info, io.BytesIO(held))
        return packed.getvalue()


def unpack(packed: bytes) -> Backup:
    """Read an archive and hold its members against the manifest.

    Raises:
        Broken: Something is missing, too much, or other than the manifest says.
    """
    members = _members(packed)
    try:
        manifest = json.loads(members[MANIFEST])
        form, hashes = manifest.pop("format"), dict(manifest.pop("sha256"))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise Broken("its manifest cannot be read") from None
    if form != FORMAT:
        raise Broken(f"its format is {form!a:.20}, and this program reads {FORMAT}")
    if any(not isinstance(manifest.get(word), str) for word in _WORDS):
        raise Broken("its manifest does not say of which project and stack it is")
    if not _fits(manifest, _FORM):
        raise Broken("its manifest says something in another form than a backup's")
    for name in (STATE, SETTINGS):
        if hashlib.sha256(members[name]).hexdigest() != hashes.get(name):
            raise Broken(f"{name} is not what its manifest says")
    made = Backup(about=manifest, raw_state=members[STATE], settings=members[SETTINGS])
    _require_settings(made.settings)
    resources = made.state.deployment.get("resources") or ()
    try:
        of = {tuple(str(one["urn"]).split("::")[:2]) for one in resources}
    except (KeyError, TypeError):
        raise Broken("its state is no export of a stack") from None
    if not made.state.saved.isprintable():
        raise Broken("its state is no export of a stack")
    if of != {(f"urn:pulumi:{made.stack}", made.project)}:
        raise Broken(f"its state is not that of stack {made.stack} of {made.project}")
    return made


def _fits(said: object, form: object) -> bool:
    """Whether what is said has its form: types as they are, texts that a terminal may show."""
    if isinstance(form, dict):
        return isinstance(said, dict) and all(
            _fits(said[word], one) for word, one in form.items() if word in said
        )
    if isinstance(form, list):
        return isinstance(said, list) and all(_fits(one, form[0]) for one in said)
    return type(said) is form and (not isinstance(said, str) or said.isprintable())


def _require_settings(held: bytes) -> None:
    try:
        found = yaml.safe_load(held)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Broken(f"{SETTINGS} is no YAML") from None
    if not isinstance(found or {}, dict) or any(not isinstance(word, str) for word in found or ()):
        raise Broken(f"{SETTINGS} is no stack's file")


def _members(packed: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            for info in archive:
                if info.name not in MEMBERS or info.name in found or not info.isfile():
                    raise Broken("there is something in it that no backup has")
                if info.size > LARGEST:
                    raise Broken(f"{info.name} is larger than {LARGEST} bytes")
                held = archive.extractfile(info)
                found[info.name] = held.read() if held else b""
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        if isinstance(error, Broken):
            raise
        raise Broken("it is no archive") from None
    if set(found) != set(MEMBERS):
        raise Broken("something is missing in it")
    return found
