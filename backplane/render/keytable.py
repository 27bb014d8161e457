"""Keys apart from text: 32 raw bytes each in one table, a placeholder in the text.

Random bytes do not compress, and base64 of them costs a third more; one entry serves every place
that shows the same key.
"""

import base64
import re

from backplane.keys import KEY_BYTES

_PLACEHOLDER = re.compile(r"@K(\d+)@")


class KeyTable:
    """The keys of one bundle, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self._entries: dict[bytes, int] = {}

    def add(self, key: bytes) -> str:
        """The placeholder of a key, ``@Kn@``."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        return f"@K{self._entries.setdefault(key, len(self._entries))}@"

    def add_text(self, text: str) -> str:
        """The placeholder of a key given in base64."""
        return self.add(base64.b64decode(text, validate=True))

    def encode(self) -> str:
        """All entries one after the other, base64."""
        return base64.b64encode(b"".join(self._entries)).decode()


def fill(text: str, table: str) -> str:
    """The text with each placeholder replaced by the base64 of its entry."""
    raw = base64.b64decode(table)

    def entry(match: re.Match[str]) -> str:
        start = int(match[1]) * KEY_BYTES
        return base64.b64encode(raw[start : start + KEY_BYTES]).decode()

    return _PLACEHOLDER.sub(entry, text)
