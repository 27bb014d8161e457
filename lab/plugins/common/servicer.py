"""The engine's calls, turned into a plugin's methods: strictness, secrets, previews, diffs."""

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from lab.plugins.common.diff import Change
from lab.plugins.common.errors import InitError, PluginError
from lab.plugins.common.resource import Context, Provider
from lab.plugins.common.schema import Failure, failures, with_secrets
from lab.plugins.common.states import carried, plain, state_of
from lab.plugins.common.values import Value, decode_map, encode_map

Log = Callable[[str, str, str], Awaitable[None]]
Reply = TypeVar("Reply")
Call: TypeAlias = grpc.aio.ServicerContext

_KINDS = {
    (Change.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Change.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Change.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Change.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}

# What the engine itself puts among a provider's settings.
_ENGINE_SETTINGS = frozenset({"version", "pluginDownloadURL"})


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider on the engine's protocol (Pulumi SDK, `provider.proto`)."""

    def __init__(self, provider: Provider, log: Log) -> None:
        self._provider = provider
        self._log = log
        self._announced = False
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return bool(self._running)

    async def cancel_all(self) -> None:
        """Cancel what is under way and wait until it has cleaned up."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def GetPluginInfo(  # noqa: N802, D102
        self, request: empty_pb2.Empty, context: Call
    ) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=self._provider.version)

    async def GetSchema(  # noqa: N802, D102
        self, request: provider_pb2.GetSchemaRequest, context: Call
    ) -> provider_pb2.GetSchemaResponse:
        del request, context
        about = {"name": self._provider.name, "version": self._provider.version}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(about))

    async def Cancel(self, request: empty_pb2.Empty, context: Call) -> empty_pb2.Empty:  # noqa: N802, D102
        del request, context
        await self.cancel_all()
        return empty_pb2.Empty()

    async def CheckConfig(  # noqa: N802, D102
        self, request: provider_pb2.CheckRequest, context: Call
    ) -> provider_pb2.CheckResponse:
        del context
        values = decode_map(request.news)
        own = {k: v for k, v in values.items() if k not in _ENGINE_SETTINGS}
        wrong = list(failures(self._provider.config, own))
        return _checked(with_secrets(self._provider.config, values), wrong)

    async def DiffConfig(  # noqa: N802, D102
        self, request: provider_pb2.DiffRequest, context: Call
    ) -> provider_pb2.DiffResponse:
        del context
        same = plain(decode_map(request.old_inputs)) == plain(decode_map(request.news))
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=none if same else some)

    async def Configure(  # noqa: N802, D102
        self, request: provider_pb2.ConfigureRequest, context: Call
    ) -> provider_pb2.ConfigureResponse:
        async def work() -> provider_pb2.ConfigureResponse:
            if not self._announced:
                self._announced = True
                told = f"'{self._provider.name}' is the lab's stand-in, not the official plugin"
                await self._log("info", told, "")
            values = plain(decode_map(request.args))
            await self._provider.configure(
                {k: v for k, v in values.items() if k not in _ENGINE_SETTINGS}
            )
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True,
                supportsPreview=True,
                acceptResources=False,
                acceptOutputs=False,
            )

        return await self._guard(context, work())

    async def Invoke(  # noqa: N802, D102
        self, request: provider_pb2.InvokeRequest, context: Call
    ) -> provider_pb2.InvokeResponse:
        message = f"the stand-in plugin '{self._provider.name}' has no function '{request.tok}'"
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
        raise PluginError(message)

    async def Check(  # noqa: N802, D102
        self, request: provider_pb2.CheckRequest, context: Call
    ) -> provider_pb2.CheckResponse:
        async def work() -> provider_pb2.CheckResponse:
            resource = self._provider.find(request.urn)
            fields = resource.schema.inputs
            news, olds = decode_map(request.news), decode_map(request.olds)
            wrong = list(failures(fields, news))
            if not wrong:
                name, seed = request.urn.rsplit("::", 1)[-1], request.randomSeed
                full = resource.complete(name, plain(olds), plain(news), seed)
                wrong = list(resource.check(full))
                news = carried(news, full)
            return _checked(with_secrets(fields, news), wrong)

        return await self._guard(context, work())

    async def Diff(  # noqa: N802, D102
        self, request: provider_pb2.DiffRequest, context: Call
    ) -> provider_pb2.DiffResponse:
        async def work() -> provider_pb2.DiffResponse:
            resource = self._provider.find(request.urn)
            found = resource.differences(
                plain(decode_map(request.olds)),
                plain(decode_map(request.old_inputs)),
                plain(decode_map(request.news)),
            )
            some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
            return provider_pb2.DiffResponse(
                changes=some if found else none,
                diffs=sorted(found),
                replaces=sorted(path for path, one in found.items() if one.replaces),
                deleteBeforeReplace=resource.schema.delete_first,
                hasDetailedDiff=True,
                detailedDiff={
                    path: provider_pb2.PropertyDiff(
                        kind=_KINDS[one.change, one.replaces], inputDiff=True
                    )
                    for path, one in found.items()
                },
            )

        return await self._guard(context, work())

    async def Create(  # noqa: N802, D102
        self, request: provider_pb2.CreateRequest, context: Call
    ) -> provider_pb2.CreateResponse:
        async def work() -> provider_pb2.CreateResponse:
            resource = self._provider.find(request.urn)
            inputs = decode_map(request.properties)
            if request.preview:
                resource_id, outputs = "", resource.preview(None, plain(inputs))
            else:
                try:
                    resource_id, outputs = await resource.create(
                        self._context(request.urn), plain(inputs)
                    )
                except InitError as error:
                    error.outputs = state_of(resource.schema, inputs, error.outputs)
                    raise
            state = state_of(resource.schema, inputs, outputs)
            return provider_pb2.CreateResponse(id=resource_id, properties=encode_map(state))

        return await self._guard(context, work(), request.timeout)

    async def Read(  # noqa: N802, D102
        self, request: provider_pb2.ReadRequest, context: Call
    ) -> provider_pb2.ReadResponse:
        async def work() -> provider_pb2.ReadResponse:
            resource = self._provider.find(request.urn)
            olds, inputs = decode_map(request.properties), decode_map(request.inputs)
            found = await resource.read(self._context(request.urn), request.id, plain(olds))
            if found is None:
                return provider_pb2.ReadResponse()
            state = state_of(resource.schema, {}, carried({**inputs, **olds}, found))
            names = [n for n in resource.schema.inputs if n in inputs] or resource.schema.inputs
            now = {name: state[name] for name in names if name in state}
            return provider_pb2.ReadResponse(
                id=request.id, properties=encode_map(state), inputs=encode_map(now)
            )

        return await self._guard(context, work())

    async def Update(  # noqa: N802, D102
        self, request: provider_pb2.UpdateRequest, context: Call
    ) -> provider_pb2.UpdateResponse:
        async def work() -> provider_pb2.UpdateResponse:
            resource = self._provider.find(request.urn)
            olds, news = decode_map(request.olds), decode_map(request.news)
            if request.preview:
                outputs = resource.preview(plain(olds), plain(news))
            else:
                known = {k: v for k, v in plain(olds).items() if k in resource.schema.outputs}
                outputs = known | await resource.update(
                    self._context(request.urn), request.id, plain(olds), plain(news)
                )
            state = state_of(resource.schema, news, carried(olds, outputs))
            return provider_pb2.UpdateResponse(properties=encode_map(state))

        return await self._guard(context, work(), request.timeout)

    async def Delete(  # noqa: N802, D102
        self, request: provider_pb2.DeleteRequest, context: Call
    ) -> empty_pb2.Empty:
        async def work() -> empty_pb2.Empty:
            resource = self._provider.find(request.urn)
            state = plain(decode_map(request.properties))
            await resource.delete(self._context(request.urn), request.id, state)
            return empty_pb2.Empty()

        return await self._guard(context, work(), request.timeout)

    def _context(self, urn: str) -> Context:
        async def log(severity: str, message: str) -> None:
            await self._log(severity, message, urn)

        return Context(urn=urn, log=log)

    async def _guard(
        self, context: Call, work: Coroutine[Any, Any, Reply], limit: float = 0
    ) -> Reply:
        """Run one operation, at most `limit` seconds; errors become a status with the message."""
        # A task of its own: when the engine dies its calls are cancelled, and a command that runs
        # must not be cut in half by that. Only `Cancel`, a signal or the time limit end it.
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        done, _ = await asyncio.wait({task}, timeout=limit or None)
        if not done:
            task.cancel()
            await asyncio.wait({task})
            message = f"not done within {limit:g} s, the limit that custom timeouts set"
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, message)
        try:
            return task.result()
        except InitError as error:
            await context.abort_with_status(_init_failed(error))
            raise
        except PluginError as error:
            code, message = grpc.StatusCode.UNKNOWN, str(error)
        except asyncio.CancelledError:
            code, message = grpc.StatusCode.CANCELLED, "cancelled"
        except Exception as error:  # noqa: BLE001  a bug of ours must reach the user as one
            traceback.print_exc(file=sys.stderr)
            code = grpc.StatusCode.INTERNAL
            message = f"stand-in plugin '{self._provider.name}': {type(error).__name__}: {error}"
        await context.abort(code, message)
        raise AssertionError("abort raises")


def _checked(values: dict[str, Value], wrong: Sequence[Failure]) -> provider_pb2.CheckResponse:
    found = [provider_pb2.CheckFailure(property=one.path, reason=one.reason) for one in wrong]
    return provider_pb2.CheckResponse(inputs=encode_map(values), failures=found)


class _Status(grpc.Status):  # type: ignore[misc]  # grpc ships no types
    def __init__(self, code: grpc.StatusCode, details: str, packed: bytes) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = (("grpc-status-details-bin", packed),)


def _init_failed(error: InitError) -> _Status:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id, properties=encode_map(error.outputs), reasons=[str(error)]
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=str(error), details=[detail])
    return _Status(code, str(error), status.SerializeToString())
