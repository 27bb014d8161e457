"""The version of an installed package, read off the name of its metadata folder.

`importlib.metadata` reads the metadata itself, and loads the e-mail library for it.
"""

import sys
from pathlib import Path


def release(package: str) -> str:
    """The version under which pip knows `package`.

    Args:
        package: its name with underscores, such as `pulumi_random`.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    for place in sys.path:
        for found in Path(place).glob(f"{package}-*.dist-info"):
            return found.name.removesuffix(".dist-info").rpartition("-")[2]
    raise ModuleNotFoundError(f"{package} is not installed here", name=package)
