"""The readers by the name that a site's `cloud` has."""

from __future__ import annotations

from collections.abc import Mapping

from components.clouds.reading import Reader
from components.clouds.reading_aws import Aws
from components.clouds.reading_hetzner import Hetzner

READERS: Mapping[str, Reader] = {"aws": Aws(), "hetzner": Hetzner()}
"""A cloud that is not here has nothing that could be read back."""
