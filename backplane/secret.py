"""What a secret of the stack's own must look like, whatever it is for."""

SHORTEST = 8
"""Characters of a password or a token, at least."""


def unfit(value: str) -> str | None:
    """Why a secret would not do, without a word of it; None if it will.

    Some programs read all of its file, some the first line, and some take blanks off the ends.
    """
    if value != value.strip() or not value.isprintable():
        return "it is more than one line, or has blanks or marks that cannot be seen at its ends"
    return f"it has less than {SHORTEST} characters" if len(value) < SHORTEST else None
