"""A file that age has sealed: to recipients' public keys or by a passphrase; opened in memory.

The format is age's (age-encryption.org/v1): X25519 or scrypt, HKDF, ChaCha20-Poly1305 in chunks. No
passphrase is ever an argument: it is typed, or stands in a file or in the environment.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scripts import _file
from scripts._problem import Problem

if TYPE_CHECKING:
    from pyrage import ssh, x25519

    Recipient = ssh.Recipient | x25519.Recipient
    Identity = ssh.Identity | x25519.Identity

PASSPHRASE = "BACKPLANE_BACKUP_PASSPHRASE"  # noqa: S105 - the variable's name
PASSPHRASE_FILE = f"{PASSPHRASE}_FILE"
IDENTITY = "BACKPLANE_BACKUP_IDENTITY"
"""Names a file of identities, as `age-keygen` writes it, or an OpenSSH ed25519 key."""

SHORTEST = 16
"""Characters of a passphrase: whoever has the file may try as many as they like."""

_MAGIC = b"age-encryption.org/v1\n"
_SCRYPT = b"-> scrypt "
_PREFIX = "AGE-SECRET-KEY-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a file is sealed with.

    Attributes:
        recipients: public keys, as text; none where a passphrase seals.
        passphrase: the passphrase, or nothing.
    """

    recipients: tuple[str, ...] = ()
    passphrase: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """Who can open it, in words."""
        if not self.recipients:
            return "whoever knows the passphrase"
        return ", ".join(_short(one) for one in self.recipients)


def _short(recipient: str) -> str:
    """A public key as people tell it from others."""
    words = recipient.split()
    return words[2] if len(words) > 2 else f"{words[-1][:12]}...{words[-1][-6:]}"  # noqa: PLR2004


def recipients(given: Iterable[str], files: Iterable[Path]) -> tuple[str, ...]:
    """Public keys from the command line and from files of them, one a line, `#` for a remark.

    Raises:
        Problem: A file cannot be read, or one of them is no age or ssh-ed25519 public key.
    """
    found = [("--recipient", one.strip()) for one in given]
    for path in files:
        lines = _read(path, "the recipients").decode(errors="replace").splitlines()
        found += [(str(path), line.strip()) for line in lines]
    keys = [(where, key) for where, key in found if key and not key.startswith("#")]
    for where, key in keys:
        _recipient(where, key)
    return tuple(dict.fromkeys(key for _, key in keys))


def _recipient(where: str, key: str) -> Recipient:
    from pyrage import RecipientError, ssh, x25519  # noqa: PLC0415 - `--help` needs none of this

    try:
        if key.startswith("ssh-ed25519 "):
            return ssh.Recipient.from_str(key)
        return x25519.Recipient.from_str(key)
    except RecipientError:
        raise Problem(
            where=where,
            what=f"{key[:24]!a} is no public key of a recipient",
            why="a recipient is `age1...`, as `age-keygen` prints it, or `ssh-ed25519 ...`",
            fix="give the public key of whoever is to open the backup, never a private one",
        ) from None


def chosen() -> str:
    """A new passphrase: from the environment, else typed twice.

    Raises:
        Problem: There is none, or it is too short.
    """
    known = _told()
    if known is None and _somebody_is_there():
        known = typer.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
    if not known:
        raise _none("to seal the backup with")
    if len(known) < SHORTEST:
        raise Problem(
            where="passphrase",
            what="it is too short",
            why=f"it has {len(known)} characters, and whoever finds the file may try for years",
            fix=f"take {SHORTEST} or more, better some words drawn at random",
        )
    return known


def _told() -> str | None:
    """The passphrase from the environment, or None."""
    if path := os.environ.get(PASSPHRASE_FILE):
        return _read(Path(path), "the passphrase").decode(errors="replace").rstrip("\r\n")
    return os.environ.get(PASSPHRASE)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _none(why: str) -> Problem:
    return Problem(
        where="passphrase",
        what=f"there is none {why}",
        why="nobody is there to type it, and the environment names none",
        fix=f"set {PASSPHRASE_FILE} to a file that has it, or {PASSPHRASE}",
    )


def seal(plain: bytes, lock: Lock) -> bytes:
    """Seal bytes; they are in memory alone."""
    import pyrage  # noqa: PLC0415 - `--help` needs none of this

    if lock.recipients:
        return pyrage.encrypt(plain, [_recipient("recipient", one) for one in lock.recipients])
    return pyrage.passphrase.encrypt(plain, lock.passphrase)


def open_file(path: Path, identity: Path | None) -> bytes:
    """Open a sealed file into memory; each byte of it is authenticated.

    Args:
        path: the file.
        identity: a file with private keys; the one of the environment where it is None.

    Raises:
        Problem: It is no such file, another key opens it, or it was changed.
    """
    import pyrage  # noqa: PLC0415 - `--help` needs none of this

    sealed = _read(path, "the backup")
    if not sealed.startswith(_MAGIC):
        raise Problem(
            where=str(path),
            what="this is no backup",
            why="a backup is a file that age has sealed, and this one does not begin as such",
            fix="give a file that `backplane backup` has written",
        )
    if sealed.startswith(_MAGIC + _SCRYPT):
        how, key = "passphrase", _told()
        if key is None and _somebody_is_there():
            key = typer.prompt("passphrase", hide_input=True, err=True)
        if not key:
            raise _none("to open the backup with")
        keys: Sequence[Identity] = ()
    else:
        how, key = "identity", ""
        keys = _identities(identity, path)
    try:
        return pyrage.decrypt(sealed, keys) if keys else pyrage.passphrase.decrypt(sealed, key)
    except pyrage.DecryptError as error:
        raise Problem(
            where=str(path),
            what="it cannot be opened; nothing was changed",
            why=f"the {how} is another one, or the file was changed since ({error})",
            fix="give what it was sealed for, or take another copy of the file",
        ) from None


def _identities(given: Path | None, path: Path) -> list[Identity]:
    from pyrage import IdentityError, ssh, x25519  # noqa: PLC0415 - `--help` needs none of this

    told = os.environ.get(IDENTITY)
    source = given or (Path(told) if told else None)
    if source is None:
        raise Problem(
            where=str(path),
            what="it cannot be opened without an identity",
            why="it was sealed to public keys, and the private key of one of them opens it",
            fix=f"give its file by --identity, or by {IDENTITY}",
        )
    held = _read(source, "the identity")
    try:
        if held.lstrip().startswith(b"-----BEGIN"):
            return [ssh.Identity.from_buffer(held)]
        lines = [line.strip() for line in held.decode().splitlines()]
        found = [x25519.Identity.from_str(one) for one in lines if one.startswith(_PREFIX)]
    except (IdentityError, UnicodeDecodeError):
        found = []
    if found:
        return [*found]
    raise Problem(
        where=str(source),
        what="there is no identity in it that can be used",
        why="it has neither a line AGE-SECRET-KEY-1... nor an ed25519 key of OpenSSH's in plain",
        fix="give what `age-keygen` wrote; an SSH key with a passphrase is not read",
    )


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(
            where=str(path),
            what=f"{what} cannot be read",
            why=error.strerror or str(error),
            fix="give a file that is there and that you may read",
        ) from error


def write(path: Path, sealed: bytes) -> str:
    """Put a sealed file there at once, for its owner alone, and on the disk for good.

    Returns:
        Its SHA-256.

    Raises:
        Problem: It cannot be written; what was there is untouched.
    """
    try:
        _file.replace(path, sealed, 0o600)
    except OSError as error:
        raise Problem(
            where=str(path),
            what="it cannot be written",
            why=error.strerror or str(error),
            fix="give a place that is there and that you may write to",
        ) from error
    return hashlib.sha256(sealed).hexdigest()
