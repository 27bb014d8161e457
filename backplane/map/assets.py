"""The files of this package that are no Python: style sheets and the page's script."""

from functools import cache
from importlib import resources


@cache
def asset(name: str) -> str:
    """The text of a file that lies beside this module and is a part of the program."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
