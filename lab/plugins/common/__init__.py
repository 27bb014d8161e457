"""What every stand-in plugin shares: values, schemas, diffs and the gRPC server.

A plugin is a `Provider` with one `Resource` per token. Its methods see and return plain Python
values; secrets, unknown values, strictness, diffs and previews are handled here.
"""

from lab.plugins.common.errors import InitError, PluginError
from lab.plugins.common.resource import Context, Provider, Resource
from lab.plugins.common.schema import Field, Kind, Schema
from lab.plugins.common.serve import serve
from lab.plugins.common.values import UNKNOWN, Archive, Asset, Secret, Value, reveal

__all__ = [
    "UNKNOWN",
    "Archive",
    "Asset",
    "Context",
    "Field",
    "InitError",
    "Kind",
    "PluginError",
    "Provider",
    "Resource",
    "Schema",
    "Secret",
    "Value",
    "reveal",
    "serve",
]
