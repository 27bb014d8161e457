"""People's accounts with the real useradd, userdel, usermod, sudo and /proc of each image."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backplane.render import bundle as rendered
from lab.image.build import ensure
from lab.image.recipe import SUITES
from node.passwd import uid_of
from tests.core import example

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
cp "$4" root/root/program.py
[ ! -d "$5" ] || { mkdir -p root/var/lib/backplane/generations; cp -rp "$5/." root/; }
echo "127.0.0.1 $(hostname)" >>root/etc/hosts
exec chroot root env PATH=/usr/sbin:/usr/bin:/sbin:/bin python3 /root/program.py
"""


def _inside(image: str, folder: Path, program: str, files: Path = Path("/none")) -> dict[str, Any]:
    """What a program of this folder prints inside an image, with further files at its root."""
    into = folder / "inside"
    into.mkdir()
    arguments = (into, ensure(image).root, ROOT / "node", ROOT / "tests/node" / program, files)
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child",
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
    runs ends with her removal, also what forks and exits without a pause, and what she began as
    root; an undo gives her home back.
    """
    seen = _inside(image, tmp_path, "tenancy.py")
    number = uid_of("alice")
    assert seen["row"] == [number, number, "*"]
    assert seen["may"] == [True, False, False]
    assert seen["processes"] == [3, None], "hers, sudo, and what sudo began"
    assert seen["ended"] == [-9, -9]
    assert seen["chain"] == [True, False], "one that no listing of processes shows"
    assert seen["may no more"] is False
    assert seen["left"] is False
    assert seen["notes"] == "hers\n"
    assert seen["drift"] == [f"account alice, {part}" for part in ("groups", "password", "shell")]
    assert [seen[stage] for stage in ("made", "removed", "undone", "mended")] == [[]] * 4
    assert seen["end"] is False


def _keys(folder: Path) -> dict[str, str]:
    """Two key pairs in a folder; their public halves by name."""
    folder.mkdir(parents=True)
    for name in ("key", "other"):
        words = ("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name))
        subprocess.run(["ssh-keygen", *words], check=True)
    texts = {name: (folder / f"{name}.pub").read_text() for name in ("key", "other")}
    return {name: " ".join(text.split()[:2]) for name, text in texts.items()}


def _generation(files: Path, public: dict[str, str]) -> None:
    """Write what the core renders for a node with three operators, as the tool writes it."""
    raw = example.raw()
    entry = {"planes": ["management"]}
    raw["operators"] = {
        "laptop": {**entry, "id": 2, "login": {"user": "alice"}},
        "oldstyle": {**entry, "id": 3},
        "carol": {**entry, "id": 4, "login": {"user": "carol"}},
    }
    made = example.material(raw)
    bundle = rendered.bundle(made.plan, "fsn-a", made.identities["fsn-a"], made.cards, made.roots)
    folder = files / "var/lib/backplane/generations" / ("a" * 16)
    for path, file in bundle.files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        text = file.text
        for name, key in (("laptop", "key"), ("oldstyle", "other")):
            text = text.replace(made.cards[name].ssh, public[key])
        (folder / path).write_text(text)
        (folder / path).chmod(int(file.mode, 8))
    stated = {"generation": "a" * 16, "node": "fsn-a", "incarnation": 1, "files": []}
    manifest = {**stated, "interfaces": {}, "mesh": {}, "roles": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("image", SUITES)
def test_each_key_opens_its_own_account_and_no_other(image: str, tmp_path: Path) -> None:
    """The image's sshd with what the core renders: alice as alice, from her own address alone.

    Root's door stays for who has no login; no other account opens, no key counts that she puts
    into her home, and when the link moves to a generation without her she is out at once.
    """
    files = tmp_path / "files"
    _generation(files, _keys(files / "root"))
    tried = _inside(image, tmp_path, "doors.py", files)
    assert {name: who for name, who in tried.items() if who} == {
        "own": "alice",
        "root's own": "root",
    }
    assert len(tried) == 9
