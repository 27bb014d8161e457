"""People's accounts with the real useradd, userdel, usermod, sudo and /proc of each image."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.image.build import ensure
from lab.image.recipe import SUITES
from node.passwd import uid_of

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
# In namespaces of its own: mounts and processes end with it.
_INSIDE = """
set -eu
mount -t tmpfs none "$1"; cd "$1"; mkdir upper work root
mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" root
mount -t proc proc root/proc
mount --rbind /dev root/dev
cp -r "$3" root/root/node
cp "$4" root/root/tenancy.py
echo "127.0.0.1 $(hostname)" >>root/etc/hosts
exec chroot root env PATH=/usr/sbin:/usr/bin:/sbin:/bin python3 /root/tenancy.py
"""


def _lived(image: str, folder: Path) -> dict[str, Any]:
    arguments = (folder, ensure(image).root, ROOT / "node", ROOT / "tests/node/tenancy.py")
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child",
         "sh", "-c", _INSIDE, "sh", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.mark.parametrize("image", SUITES)
def test_a_person_comes_lives_goes_and_comes_back(image: str, tmp_path: Path) -> None:
    """Made, put right and removed by the distribution's own programs, on every image.

    By sudo she runs her two commands, one of them with no argument alone, and no other. What she
    runs ends with her removal, what she began as root as well; an undo gives her home back.
    """
    assert shutil.which("unshare")
    seen = _lived(image, tmp_path)
    number = uid_of("alice")
    assert seen["row"] == [number, number, "*"]
    assert seen["may"] == [True, False, False]
    assert seen["processes"] == [3, None], "hers, sudo, and what sudo began"
    assert seen["ended"] == [-9, -9]
    assert seen["may no more"] is False
    assert seen["left"] is False
    assert seen["notes"] == "hers\n"
    assert seen["drift"] == [f"account alice, {part}" for part in ("groups", "password", "shell")]
    assert [seen[stage] for stage in ("made", "removed", "undone", "mended")] == [[]] * 4
    assert seen["end"] is False
