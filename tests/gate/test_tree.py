"""What is true of every file in the repository."""

import re
import shutil
import subprocess

import pytest

from tests.gate import tree

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt")
BINARY = (".png", ".gz", ".zip")
# Written in two pieces, so that this file itself does not name them.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("files", "pythonhosted", "org"), ("proxy", "golang", "org"),
        ("sum", "golang", "org"), ("deb", "debian", "org"), ("security", "debian", "org"),
        ("registry", "npmjs", "org"), ("static", "crates", "io"),
    )
)  # fmt: skip


def texts() -> list[tuple[str, str]]:
    """Each tracked text file's path and content."""
    return [
        (tree.short(file), file.read_text(errors="replace"))
        for file in tree.tracked()
        if file.suffix not in BINARY
    ]


def configured_hosts() -> set[str]:
    """The hosts that this machine's own package clients are told to ask."""
    found: set[str] = set()
    for arguments in (["go", "env", "GOPROXY"], ["pip", "config", "get", "global.index-url"]):
        if shutil.which(arguments[0]):
            done = subprocess.run(arguments, capture_output=True, text=True, check=False)
            found |= set(re.findall(r"https?://(?:[^/@ ]*@)?([^/ ,|:]+)", done.stdout))
    return found


def test_no_file_names_a_registry_or_this_checkout() -> None:
    """Neither a registry's host nor a path of the machine it was written on stands anywhere."""
    words = {*REGISTRIES, *configured_hosts(), f"{tree.ROOT}/"}
    wrong = [
        f"{name}: {word}"
        for name, text in texts()
        if name != "lab/engine/go.sum"
        for word in words
        if word in text
    ]
    assert wrong == []


def test_no_python_module_is_longer_than_300_lines() -> None:
    """One noun per module: whatever is longer wants splitting."""
    long = {tree.short(f): n for f in tree.python() if (n := len(f.read_text().splitlines())) > 300}
    assert long == {}


def test_nothing_is_left_unfinished() -> None:
    """No file carries a mark that says that something is still to be done."""
    marks = re.compile(
        r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b|Not" + r"ImplementedError"
    )
    wrong = [
        f"{name}:{number}"
        for name, text in texts()
        if name.endswith((".py", ".sh", ".md", ".yaml", "Makefile"))
        for number, line in enumerate(text.splitlines(), 1)
        if marks.search(line)
    ]
    assert wrong == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_every_package_with_a_hash(name: str) -> None:
    """Each requirement has an exact version and hashes; no lock names an address."""
    text = (tree.ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    assert len(entries) > 0
    for entry in entries:
        assert re.match(r"[A-Za-z0-9_.\[\]-]+==[^ ]+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


def test_the_locks_agree() -> None:
    """What is installed for tests is what is installed for use, and more."""
    pins = {
        name: set(
            re.findall(r"^([a-z0-9_.-]+==[^ ;]+)", (tree.ROOT / name).read_text(), re.MULTILINE)
        )
        for name in LOCKS
    }
    assert pins["requirements.txt"] <= pins["requirements-dev.txt"]


def test_every_make_target_has_help() -> None:
    """`make help` shows every target, and is what plain `make` does."""
    text = (tree.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", text, re.MULTILINE))
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=tree.ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in shown.splitlines()} == targets
    assert {"demo", "test", "check", "demo-down", "help"} <= targets


def test_ci_runs_make_test_and_nothing_else() -> None:
    """The gate is one command."""
    lines = (tree.ROOT / ".ci" / "run").read_text().splitlines()
    code = [line for line in lines if line and not line.startswith("#")]
    assert code == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]
