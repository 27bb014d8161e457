"""One module per cloud, all to the Protocol in `base`."""

from components.clouds.aws import Aws
from components.clouds.base import Cloud
from components.clouds.existing import Existing
from components.clouds.hetzner import Hetzner

__all__ = ["CLOUDS", "Cloud"]

CLOUDS: dict[str, Cloud] = {"aws": Aws(), "existing": Existing(), "hetzner": Hetzner()}
"""The clouds by the name that a site's `cloud` has."""
