"""Generations on disk: whole, private, mended, pruned."""

import os
from pathlib import Path

import pytest

from node import bundle, generations, timers
from node.errors import Refused
from tests.node.model import Box
from tests.node.recipe import Recipe


def test_files_are_private_from_the_start(enrolled: Box) -> None:
    """Secret files are 0600; daemons may read the others, and nobody but root may write."""
    generation = generations.load(enrolled.machine, Recipe().generation)
    modes = {
        str(path.relative_to(generation.path)): path.stat().st_mode & 0o777
        for path in generation.path.rglob("*")
        if path.is_file()
    }
    folders = {generation.path, *(path for path in generation.path.rglob("*") if path.is_dir())}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o755}
    assert {path for path, mode in modes.items() if mode != 0o600} == {
        "hosts",
        "sshd.conf",
        "sysctl.conf",
    }


@pytest.mark.parametrize("harm", ["content", "missing", "link", "manifest"])
def test_damage_is_found_and_mended(enrolled: Box, harm: str) -> None:
    """A file altered, lost or replaced by a link is named; staging again mends it."""
    machine, name = enrolled.machine, Recipe().generation
    assert generations.damage(machine, name) == []
    path = enrolled.layout.generation(name)
    file = path / ("manifest.json" if harm == "manifest" else "wireguard/wg1.conf")
    if harm in {"content", "manifest"}:
        file.write_bytes(file.read_bytes()[:-2])
    else:
        file.unlink()
    if harm == "link":
        file.symlink_to("/etc/passwd")
    assert len(generations.damage(machine, name)) == 1
    with pytest.raises(Refused):
        generations.require_whole(machine, name)
    generations.write(machine, bundle.decode(Recipe().encode()))
    assert generations.damage(machine, name) == []


def test_modes_and_strangers_are_put_right_where_the_content_is_whole(enrolled: Box) -> None:
    """A file opened up is damage and is closed by whoever needs it whole; a stranger's file goes.

    Until then a stranger's WireGuard file is no interface of the generation.
    """
    machine, name = enrolled.machine, Recipe().generation
    path = enrolled.layout.generation(name)
    (path / "wireguard/wg1.conf").chmod(0o644)
    (path / "wireguard/wg9.conf").write_text("[Interface]\n", encoding="ascii")
    assert generations.damage(machine, name) == ["wireguard/wg1.conf"]
    assert "wg9" not in generations.load(machine, name).wireguard()
    generations.require_whole(machine, name)
    assert generations.damage(machine, name) == []
    assert not (path / "wireguard/wg9.conf").exists()


def test_pruning_keeps_five_and_whatever_is_in_use(enrolled: Box) -> None:
    """Of twelve generations the newest five stay, and the confirmed and the armed one with them."""
    machine = enrolled.machine
    recipes = [Recipe(extra=str(number)) for number in range(12)]
    generations.write(machine, bundle.decode(Recipe(extra="armed").encode()))
    timers.arm(machine, Recipe(extra="armed").generation, 60)
    for number, recipe in enumerate(recipes):
        generations.write(machine, bundle.decode(recipe.encode()))
        os.utime(enrolled.layout.generation(recipe.generation), (10**9 + number, 10**9 + number))
    # The two in use are the oldest by far.
    for name in (Recipe().generation, Recipe(extra="armed").generation):
        os.utime(enrolled.layout.generation(name), (10**8, 10**8))
    generations.prune(machine)
    newest = {recipe.generation for recipe in recipes[-5:]}
    kept = {path.name for path in enrolled.layout.generations.iterdir()}
    assert kept == newest | {Recipe().generation, Recipe(extra="armed").generation}


def test_the_staged_one_is_kept_though_it_is_old(enrolled: Box) -> None:
    """Pruning goes by time, but never takes the generation that was staged last."""
    machine = enrolled.machine
    for number in range(8):
        generations.write(machine, bundle.decode(Recipe(extra=str(number)).encode()))
    oldest = Recipe(extra="0").generation
    os.utime(enrolled.layout.generation(oldest), (10**8, 10**8))
    generations.stage(machine, oldest)
    assert oldest not in generations.prune(machine)
    generations.stage(machine, Recipe(extra="7").generation)
    assert oldest in generations.prune(machine)


def test_a_full_disk_leaves_nothing_behind(enrolled: Box) -> None:
    """When a file cannot be written the half generation is removed and the old one stands."""
    before = sorted(path.name for path in enrolled.layout.generations.iterdir())

    class Full(type(enrolled.machine.disk)):  # type: ignore[misc]
        def write(self, path: Path, data: bytes, mode: int) -> None:
            if path.name == "sshd.conf":
                raise OSError(28, "No space left on device", str(path))
            super().write(path, data, mode)

    with pytest.raises(OSError, match="No space"):
        generations.write(enrolled.with_disk(Full()), bundle.decode(Recipe(extra="new").encode()))
    assert sorted(path.name for path in enrolled.layout.generations.iterdir()) == before


def test_links_lead_nowhere_else(enrolled: Box, tmp_path: Path) -> None:
    """A link that leads out of the generations is no generation."""
    enrolled.layout.staged.symlink_to(tmp_path)
    assert generations.named(enrolled.machine, enrolled.layout.staged) is None
    assert generations.named(enrolled.machine, enrolled.layout.confirmed) == Recipe().generation
    for name in ("../../../etc", "x", "f" * 16):
        with pytest.raises(Refused):
            generations.load(enrolled.machine, name)
