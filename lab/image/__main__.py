"""`python -m lab.image [IMAGE…]`: make sure that images are built; debian-12 when none is named."""

from __future__ import annotations

import sys

from lab.image.build import ensure
from lab.layout import LabError


def main(arguments: list[str]) -> int:
    """Build what is missing of the named images and return the exit status."""
    if {"-h", "--help"} & set(arguments):
        print("usage: python -m lab.image [debian-12|debian-13]…")
        return 0
    try:
        for image in arguments or ["debian-12"]:
            print(ensure(image, lambda line: print(line, flush=True)).root)
    except LabError as error:
        print(f"lab image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
