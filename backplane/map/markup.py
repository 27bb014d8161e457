"""Text from machines as markup: whatever it holds, it stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata

_FORGED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a reader does not see, or that turn text around; XML refuses some."""

_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;"}
)


def clean(value: object) -> str:
    """Text without what is invisible, reverses it, or is in no XML: U+FFFD stands for each."""
    return "".join(
        " " if letter in "\t\n" else "\ufffd" if unicodedata.category(letter) in _FORGED else letter
        for letter in str(value)
    )


def text(value: object) -> str:
    """Text that means nothing to HTML or XML, inside an element or a quoted attribute."""
    return clean(value).translate(_ENTITIES)


def fragment(value: object) -> str:
    """Text as the name of a place on the page: letters, digits and hyphens, else `.` and hex."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter == "-") else f".{ord(letter):x}."
        for letter in clean(value)
    )


def cleaned(value: object) -> object:
    """JSON with all of its texts clean, names of fields as well."""
    if isinstance(value, dict):
        return {clean(key): cleaned(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(one) for one in value]
    return clean(value) if isinstance(value, str) else value


def data(value: object) -> str:
    """JSON for a `<script type="application/json">`: nothing in it can end the element."""
    told = json.dumps(cleaned(value), separators=(",", ":"), ensure_ascii=True)
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def allowed(source: str) -> str:
    """How a Content-Security-Policy names exactly this script or style (CSP level 2, 4.2.5)."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
