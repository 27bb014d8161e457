"""Settings of daemons that read YAML."""

from collections.abc import Mapping
from typing import Any

import yaml

_NEVER_WRAPPED = 1 << 20


class _Plain(yaml.SafeDumper):
    """Writes out what stands twice: not every daemon's YAML knows aliases."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def text(document: Mapping[str, Any]) -> str:
    """A document as YAML, its keys sorted: the same bytes every time."""
    return yaml.dump(
        document, Dumper=_Plain, default_flow_style=False, allow_unicode=True, width=_NEVER_WRAPPED
    )
