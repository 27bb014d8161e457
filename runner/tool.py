"""The node tool as one file: a zip of `node/` that Python runs, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # At run time this would load the whole SSH library, which a preview never needs.
    from runner.ssh import Session

TOOL = "/usr/local/sbin/backplane-node"
"""Where the node tool lives on a node."""

SHEBANG = b"#!/usr/bin/python3\n"

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold; a fixed one makes the bytes depend on the text alone."""

MAIN = "import sys\n\nfrom node.__main__ import main\n\nsys.exit(main())\n"

INSTALL = (
    "set -eu; umask 077; "
    f"cat > {TOOL}.new; chmod 0755 {TOOL}.new; sync {TOOL}.new; "
    f"mv -f {TOOL}.new {TOOL}; sync -f {TOOL}"
)


SOURCE = Path(__file__).resolve().parent.parent / "node"
"""The package that becomes the tool."""


@cache
def build(source: Path = SOURCE) -> bytes:
    """The tool's bytes: a shebang line and a zip with fixed times, modes and order."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        files = {f"node/{path.relative_to(source)}": path.read_bytes() for path in _modules(source)}
        for name, content in sorted({**files, "__main__.py": MAIN.encode()}.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, content)
    return SHEBANG + packed.getvalue()


def version(tool: bytes) -> str:
    """First 12 hex digits of the tool's SHA-256."""
    return hashlib.sha256(tool).hexdigest()[:12]


TELLING = frozenset({"policy", "report"})
"""The packages of the pure part that no bundle is made with."""


@cache
def program(source: Path = SOURCE.parent / "backplane") -> str:
    """First 12 hex digits of a hash of what makes bundles: names and content of its modules."""
    total = hashlib.sha256()
    for path in sorted(_modules(source)):
        name = path.relative_to(source)
        if TELLING.isdisjoint(name.parts):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{name} {content}\n".encode())
    return total.hexdigest()[:12]


async def ensure(session: Session) -> bool:
    """Put this checkout's tool on a node unless it is there; True when it was put."""
    tool = build()
    there = await session.run(f"sha256sum {TOOL} 2>/dev/null || true")
    if there[:12] == version(tool):
        return False
    await session.run(INSTALL, tool)
    return True


def _modules(source: Path) -> list[Path]:
    return [path for path in source.rglob("*.py") if "__pycache__" not in path.parts]
