"""What the lab's apt repository shows: a link per built image, in the lab's state."""

from __future__ import annotations

from pathlib import Path

from lab.image.recipe import SUITES, Recipe
from lab.layout import Lab


def shelf(lab: Lab) -> Path:
    """Return the directory that the lab's repository serves."""
    return lab.state / "repository"


def stock(lab: Lab) -> None:
    """Let the repository offer what belongs to each image that is built by now."""
    shelf(lab).mkdir(mode=0o755, parents=True, exist_ok=True)
    for image in SUITES:
        source, link = Recipe(image).repository, shelf(lab) / image
        if source.is_dir() and (not link.is_symlink() or link.readlink() != source):
            link.unlink(missing_ok=True)
            link.symlink_to(source)
