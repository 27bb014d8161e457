"""Golden files: what a renderer wrote once, looked at by a person, and must write again.

`BACKPLANE_GOLDEN=write` writes them anew; look at the difference before committing it.
"""

import os
import re
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[1] / "golden"
WRITE = os.environ.get("BACKPLANE_GOLDEN") == "write"


def section(page: Path, name: str, text: str) -> None:
    """Fail unless a page of the docs has exactly this between `<!-- NAME -->` and its end."""
    place = re.compile(rf"(<!-- {name} -->\n\n)(.*?)(\n\n<!-- end -->)", re.DOTALL)
    whole = page.read_text(encoding="utf-8")
    if WRITE:
        whole = place.sub(lambda found: found[1] + text + found[3], whole)
        page.write_text(whole, encoding="utf-8")
    found = place.search(whole)
    assert found, f"{page.name} has no place for {name}"
    assert found[2] == text, f"{name} of {page.name} differs: write it with BACKPLANE_GOLDEN=write"


def compare(name: str, text: str, *, directory: Path = DIRECTORY) -> None:
    """Fail unless the golden file `name` holds exactly this text."""
    path = directory / name
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: write it with BACKPLANE_GOLDEN=write"
    assert path.read_text(encoding="utf-8") == text, f"{name} differs from its golden file"
