"""The sealed password of each node's console: what is left when both ways in are dead.

Only its hash travels: a node never knows the password, and a person types it once. What is typed
by hand on a strange keyboard has only letters that QWERTY, QWERTZ and AZERTY have in one place.
"""

import base64
import hmac

import bcrypt

from backplane.keys import Secret

USER = "root"
"""Whose password it is: sulogin(8), which guards a boot that failed, asks for root's alone."""

FILE = "console"
"""The bundle's file with its hash."""

ALPHABET = "bcdefghijklnoprstuvx"
"""No a, q, w, z, y and m: they wander between keyboard layouts. No digit, no capital, no sign."""

LETTERS, GROUP = 25, 5
"""25 letters of 20 are 108 bits; in groups of five, with one space between two of them."""

COST = 5
"""log2 of bcrypt's rounds. Nobody searches 108 bits, however fast: it need not be slow."""

_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SALT_BYTES, _SALT_LETTERS = 16, 22


def password(key: Secret) -> str:
    """The password of a node's console key: what is typed, spaces and all. Secret."""
    number = int.from_bytes(_part(key, "password"))
    letters = []
    for _ in range(LETTERS):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    groups = ("".join(letters[at : at + GROUP]) for at in range(0, LETTERS, GROUP))
    return " ".join(groups)


def line(key: Secret) -> str:
    """The bundle's file: ``root:$2b$…`` (crypt(5), bcrypt), the same every time. Secret."""
    raw = base64.b64encode(_part(key, "salt")[:_SALT_BYTES])[:_SALT_LETTERS]
    salt = f"$2b${COST:02}$".encode() + raw.translate(bytes.maketrans(_STANDARD, _BCRYPT))
    return f"{USER}:{bcrypt.hashpw(password(key).encode(), salt).decode()}\n"


def _part(key: Secret, what: str) -> bytes:
    return hmac.digest(key.reveal(), f"backplane/v1/console/{what}".encode(), "sha256")
