"""The lab's `zfs`: what is asked of snapshots in general is asked of zfs-fuse in two steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.image import openzfs

_FUSE = """\
#!/bin/sh
echo "$@" >>{folder}/asked
case "$1" in
  list) cat {folder}/names 2>/dev/null || exit 1 ;;
  get) [ ! -e {folder}/gone ] || {{ rm {folder}/gone; echo gone >&2; exit 1; }}; echo told ;;
esac
"""

Zfs = Callable[[str], tuple[int, list[str]]]


@pytest.fixture
def zfs(tmp_path: Path) -> Zfs:
    """Ask the lab's `zfs`; its exit code, and what it asked zfs-fuse."""
    own = tmp_path / "zfs"
    own.write_text(_FUSE.format(folder=tmp_path))
    own.chmod(0o755)

    def asked(words: str) -> tuple[int, list[str]]:
        (tmp_path / "asked").unlink(missing_ok=True)
        code = openzfs.main(words.split(), str(own))
        return code, (tmp_path / "asked").read_text().splitlines()

    return asked


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        (
            "get -Hpd 1 -t snapshot guid,creation tank/a",
            ["list -H -t snapshot -o name -r -d 1 tank/a", "get -H -p guid,creation t@1 t@2"],
        ),
        (
            "get -Hrpt snapshot creation",
            ["list -H -t snapshot -o name -r", "get -H -p creation t@1 t@2"],
        ),
        (
            "list -Hp -t snapshot -d 1 -o creation tank/a",
            [
                "list -H -t snapshot -o name -r -d 1 tank/a",
                "get -H -p -o value creation t@1 t@2",
            ],
        ),
    ],
)
def test_snapshots_are_listed_and_then_asked_for(
    zfs: Zfs, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: str, steps: list[str]
) -> None:
    """As sanoid, syncoid and the node ask; none is an answer, and no dataset a failure."""
    (tmp_path / "names").write_text("t@1\nt@2\n")
    assert zfs(words) == (0, steps)
    assert capfd.readouterr().out == "told\n"
    (tmp_path / "gone").touch()
    assert zfs(words) == (0, [*steps, *steps])
    (tmp_path / "names").write_text("")
    assert zfs(words) == (0, steps[:1])
    (tmp_path / "names").unlink()
    assert zfs(words) == (1, steps[:1])


@pytest.mark.parametrize(
    "words",
    [
        "list -H -t snapshot -o name -r -d 1 tank",
        "get -H name tank",
        "receive -u tank/a",
        "snapshot tank@a",
        "get -Z",
    ],
)
def test_the_rest_is_asked_as_it_is(zfs: Zfs, tmp_path: Path, words: str) -> None:
    """Word for word."""
    (tmp_path / "names").touch()
    assert zfs(words) == (0, [words])
