"""What goes into an image, and the key under which the result is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lab.layout import SERVICES_V4, LabError, cache

SUITES = {"debian-12": "bookworm", "debian-13": "trixie"}
"""The images there are, by the cloud's name, with Debian's name of the release."""

REPOSITORY_URL = f"http://{SERVICES_V4}"
"""Where a machine finds the lab's own apt repository; nothing else is in its sources."""

_HERE = Path(__file__).parent
_FORMAT = "1"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one image is made.

    Attributes:
        image: `debian-12` or `debian-13`.
    """

    image: str

    def __post_init__(self) -> None:
        """Refuse an image that nobody has tested."""
        if self.image not in SUITES:
            message = f"image {self.image!r}: unknown; the lab has {', '.join(SUITES)}"
            raise LabError(message)

    @property
    def suite(self) -> str:
        """Debian's name of the release."""
        return SUITES[self.image]

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages a cloud's image has."""
        return tuple((_HERE / "packages.txt").read_text().split())

    @property
    def offered(self) -> tuple[str, ...]:
        """The packages that the lab's apt repository offers beyond those."""
        return tuple((_HERE / "repository.txt").read_text().split())

    @property
    def finish(self) -> Path:
        """The script that turns the tree into an image."""
        return _HERE / "finish.sh"

    @property
    def key(self) -> str:
        """Sixteen hex digits that change with anything that goes into the image."""
        parts = [_FORMAT, self.suite, REPOSITORY_URL, *self.packages, "-", *self.offered]
        parts += [(_HERE / name).read_text() for name in ("zfs.py", "openzfs.py")]
        text = "\n".join([*parts, self.finish.read_text()])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def root(self) -> Path:
        """The finished image's tree in the cache; read-only for everybody."""
        return cache() / "image" / self.key / "root"

    @property
    def repository(self) -> Path:
        """The finished apt repository that goes with the image."""
        return cache() / "apt" / self.key / self.image
