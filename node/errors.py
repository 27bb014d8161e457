"""What the tool says when it will not do something."""

import re

# A WireGuard key is 32 bytes in base64: 43 characters and one '='.
_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(-----END [A-Z ]+-----|\Z)", re.DOTALL)


def mask(text: str) -> str:
    """Replace everything shaped like a key in ``text``: tools quote their input when they fail."""
    return _KEY.sub("(key)", _PEM.sub("(key file)", text))


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the tool
    """The machine stays as it is, or goes back, and a person reads why.

    Attributes:
        error: What was refused and why, without secrets.
        fix: What to do about it.
    """

    def __init__(self, error: str, fix: str) -> None:
        self.error = mask(error)
        self.fix = mask(fix)
        super().__init__(self.error)
