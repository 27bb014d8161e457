"""Locks the dependencies: exact versions with hashes, and no address of any index."""

import shutil
import subprocess

from lab.setup import paths

_OPTIONS = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes",
            "--no-annotate", "--no-header",
            "--upgrade"]  # fmt: skip


def ensure() -> int:
    """Write every `requirements*.txt` anew from its `.in`; returns the exit status."""
    uv = shutil.which("uv") or str(paths.cache() / "uv" / "bin" / "uv")
    for name, constraints in (
        ("requirements", []),
        ("requirements-dev", ["--constraints", "requirements.txt"]),
        ("requirements-uv", []),
    ):
        done = subprocess.run(
            [uv, "pip", "compile", *_OPTIONS, *constraints,
             f"{name}.in", "--output-file", f"{name}.txt"],
            cwd=paths.ROOT, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            return done.returncode
    return 0
