"""Builds an image and its apt repository, or finds them built.

Everything that mounts does so in a mount namespace of its own, and the result appears under
its final name by one rename: a build that is killed leaves a directory that the next one
removes, and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.image import zfs
from lab.image.mirror import Mirror, find
from lab.image.recipe import REPOSITORY_URL, Recipe
from lab.layout import cache
from lab.process import need, run

Say = Callable[[str], None]

_PROGRAMS = ("debootstrap", "unshare", "dpkg-scanpackages", "apt-get")
_ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_APT = ("apt-get", "-o", "APT::Sandbox::User=root", "--yes", "--no-install-recommends")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one build at a time into a directory of the cache; the lock ends with its holder."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _environment() -> dict[str, str]:
    """Return the environment for programs inside the tree: nothing of ours but proxies."""
    kept = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
    return kept | {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def _inside(root: Path, *command: str) -> str:
    """Run a program in the tree, with /proc, and nothing of it left afterwards."""
    return run(*_ALONE, f"--root={root}", "--mount-proc=/proc", *command, env=_environment())


def _bootstrap(recipe: Recipe, mirror: Mirror, root: Path) -> None:
    """Make the smallest Debian tree, which can install packages by itself from then on."""
    run(*_ALONE, "debootstrap", "--variant=minbase", recipe.suite, str(root), mirror.main)
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    (root / "etc/apt/sources.list").write_text(mirror.sources(recipe.suite))
    (root / "etc/apt/apt.conf.d/00-building").write_text(mirror.options)
    _resolve(root)


def _resolve(root: Path) -> None:
    """Let programs in the tree find hosts as this computer does.

    The package systemd-resolved makes this file a link to a service that runs in no tree.
    """
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")


def _offer(recipe: Recipe, root: Path, repository: Path) -> None:
    """Fetch what the repository offers, with everything the image lacks for it, and index it."""
    _inside(root, *_APT, "install", "--download-only", *recipe.offered)
    repository.mkdir(parents=True)
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        shutil.copyfile(package, repository / package.name)
    with TemporaryDirectory(dir=repository.parent) as folder:
        zfs.stand_in(repository, Path(folder))
    index = run(
        "sh", "-c", 'cd "$1" && exec dpkg-scanpackages --multiversion .', "sh", str(repository)
    )
    (repository / "Packages").write_text(index)


def _build(recipe: Recipe, work: Path, say: Say) -> None:
    root, repository = work / "root", work / "apt"
    mirror = find()
    say(f"image {recipe.image}: making the base tree (about 40 s)")
    _bootstrap(recipe, mirror, root)
    say(f"image {recipe.image}: installing {len(recipe.packages)} packages (about 30 s)")
    _inside(root, *_APT, "update")
    _inside(root, *_APT, "dist-upgrade")
    _inside(root, *_APT, "install", *recipe.packages)
    _resolve(root)
    _inside(root, *_APT, "clean")
    say(f"image {recipe.image}: filling the apt repository: {', '.join(recipe.offered)}")
    _offer(recipe, root, repository)
    shutil.copyfile(recipe.finish, root / "finish.sh")
    _inside(root, "sh", "/finish.sh", recipe.image, REPOSITORY_URL)
    (root / "finish.sh").unlink()


def ensure(image: str, say: Say = print) -> Recipe:
    """Return an image's recipe, with the image and its repository present in the cache.

    Args:
        image: `debian-12` or `debian-13`.
        say: Is told each step, one line each.

    Raises:
        LabError: A program is missing, or a step failed; the text has the step's own words.
    """
    recipe = Recipe(image)
    if recipe.root.is_dir() and recipe.repository.is_dir():
        return recipe
    need(_PROGRAMS)
    begun = time.monotonic()
    with _locked(cache() / "image"):
        if recipe.root.is_dir() and recipe.repository.is_dir():
            return recipe
        work = cache() / "image" / f".building-{image}"
        for left in (work, recipe.root.parent, recipe.repository):
            shutil.rmtree(left, ignore_errors=True)
        work.mkdir(parents=True)
        _build(recipe, work, say)
        recipe.repository.parent.mkdir(parents=True, exist_ok=True)
        (work / "apt").rename(recipe.repository)
        work.rename(recipe.root.parent)
    say(f"image {image}: ready after {time.monotonic() - begun:.0f} s in {recipe.root.parent}")
    return recipe
