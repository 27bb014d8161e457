"""Pictures of example meshes, as a stack's outputs have them."""

from __future__ import annotations

import json
from typing import Any

from backplane.declaration import parse
from backplane.picture import picture
from backplane.plan import plan


def drawn(raw: dict[str, Any]) -> dict[str, Any]:
    """The picture of a declaration, through JSON."""
    told: dict[str, Any] = json.loads(
        json.dumps(picture(plan(parse(raw), project="x", stack="prod")))
    )
    return told
