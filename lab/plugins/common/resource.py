"""What a plugin writes: a `Resource` per token and the `Provider` that holds them."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from lab.plugins.common.diff import Difference, compare
from lab.plugins.common.errors import PluginError
from lab.plugins.common.schema import Failure, Field, Schema
from lab.plugins.common.values import UNKNOWN, Value

Plain = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an operation knows besides its values.

    Attributes:
        urn: the resource's name in the stack.
        log: shows one line beside the resource in the engine's display, as (severity, text) with
            severity `debug`, `status` (shown for the moment only), `info`, `warning` or `error`.
            Never pass a secret.
    """

    urn: str
    log: Callable[[str, str], Awaitable[None]]

    @property
    def name(self) -> str:
        """The last part of the URN: what the program called the resource."""
        return self.urn.rsplit("::", 1)[-1]


class Resource(ABC):
    """One resource type.

    Values come in without secret wrappers and go out the same way; the caller remembers what is
    secret. Every method is async: blocking work belongs into `asyncio.to_thread`, since one
    blocked call holds up all others. Raise `PluginError` for what a user must read.
    """

    schema: ClassVar[Schema]

    def complete(self, name: str, olds: Mapping[str, Value], news: Plain, seed: bytes) -> Plain:  # noqa: ARG002
        """The inputs with what the provider adds by itself, such as a generated name.

        Args:
            name: what the program called the resource.
            olds: the inputs of the last run, empty for a new resource.
            news: the inputs of this run; may hold `UNKNOWN`.
            seed: randomness that is the same in preview and run.
        """
        return news

    def check(self, inputs: Plain) -> Sequence[Failure]:  # noqa: ARG002
        """What is wrong beyond names and types; inputs may hold `UNKNOWN`."""
        return ()

    def differences(self, state: Plain, olds: Plain, news: Plain) -> Mapping[str, Difference]:
        """What changed, by path. `state` is what the last create, update or refresh left."""
        del state
        return compare(self.schema, olds, news)

    def preview(self, olds: Plain | None, news: Plain) -> Plain:  # noqa: ARG002
        """The outputs that a preview can tell: on create none, on update all but `recomputed`.

        Args:
            olds: the whole old state, or None for a create.
            news: the new inputs; may hold `UNKNOWN`.
        """
        schema = self.schema
        if olds is None:
            return dict.fromkeys(schema.outputs, UNKNOWN)
        kept: Plain = {k: olds[k] for k in schema.outputs if k in olds}
        return kept | dict.fromkeys(schema.recomputed, UNKNOWN)

    @abstractmethod
    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make it; returns its id and its outputs (inputs are added by the caller)."""

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:  # noqa: ARG002
        """Its state as it is now, inputs and outputs together; None when it is gone."""
        return state

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change it in place; returns the outputs that changed. `olds` is the whole old state."""
        del context, resource_id, olds, news
        raise PluginError(f"{self.schema.token}: every change of it needs a new resource")

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:  # noqa: B027
        """Remove it; being gone already is no error."""


@dataclass(kw_only=True)
class Provider:
    """A package of resources.

    Attributes:
        name: the package's name, such as `random`.
        version: what the engine is told; the version of the SDK whose tokens it takes.
        resources: one entry for each type it serves.
        config: the provider's own settings.
    """

    name: str
    version: str
    resources: Sequence[Resource]
    config: Mapping[str, Field] = field(default_factory=dict)

    def find(self, urn: str) -> Resource:
        """The resource type of a URN.

        Raises:
            PluginError: the type is none of this stand-in's.
        """
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        for resource in self.resources:
            if resource.schema.token == token:
                return resource
        known = ", ".join(sorted(r.schema.token for r in self.resources))
        raise PluginError(
            f"the stand-in plugin '{self.name}' has no resource type '{token}'; it has: {known}. "
            "Fix: use one of these, or run where the official plugin can be installed"
        )

    async def configure(self, config: Plain) -> None:
        """Take the provider's settings; called once before any resource."""

    async def close(self) -> None:
        """Let go of connections when the engine is done."""
