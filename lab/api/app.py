"""HTTP: who may ask, what may be asked, and how a refusal looks.

Every endpoint is one `Endpoint` in a table; this module turns the tables into an application
that checks the token, the query and the body before a handler sees them.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.api import listing
from lab.api.cloud import Cloud
from lab.api.errors import ApiError, invalid_fields
from lab.api.requests import Body

log = logging.getLogger("lab.api")

TOKEN_LENGTH = 64
"""A project's API token has exactly this many characters; the vendor's clients insist."""
PREFIX = "/v1"
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that passed the checks.

    Attributes:
        ids: The numbers in the path, by name.
        query: The query parameters, each with its values.
        body: The parsed body; `read` gives it with its type.
    """

    cloud: Cloud
    ids: Mapping[str, int]
    query: listing.Query
    body: BaseModel

    def read(self, model: type[B]) -> B:
        """The body as the model its endpoint declares."""
        if not isinstance(self.body, model):
            message = f"the endpoint declares {type(self.body).__name__}, not {model.__name__}"
            raise TypeError(message)
        return self.body


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers: a JSON object and a status, or nothing (204)."""

    payload: dict[str, Any] | None = None
    status: int = 200


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path.

    Attributes:
        path: As in the API reference, `{id}` standing for a number.
        query: The query parameters it knows.
        body: The model of its body; the default is the empty one.
    """

    method: str
    path: str
    handler: Handler
    query: frozenset[str] = frozenset()
    body: type[Body] = Body


def created(payload: dict[str, Any]) -> Reply:
    """A 201."""
    return Reply(payload, HTTPStatus.CREATED)


def _refuse(error: ApiError) -> Response:
    return JSONResponse(error.payload(), error.status)


def _authorize(request: Request, token: str) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not hmac.compare_digest(given.encode(), token.encode()):
        raise ApiError("unauthorized", "unable to authenticate")


def _query(request: Request, allowed: frozenset[str]) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for key, value in request.query_params.multi_items():
        query.setdefault(key, []).append(value)
    listing.check(query, allowed)
    return query


def _parse(model: type[Body], raw: bytes) -> Body:
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as fault:
        fields: dict[str, list[str]] = {}
        for one in fault.errors(include_url=False, include_input=False):
            if one["type"] == "json_invalid":
                raise ApiError("json_error", "invalid JSON in the request") from fault
            at = ".".join(str(part) for part in one["loc"]) or "body"
            fields.setdefault(at, []).append(one["msg"])
        raise invalid_fields(fields) from fault


def _bind(endpoint: Endpoint, cloud: Cloud, token: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            _authorize(request, token)
            query = _query(request, endpoint.query)
            body = _parse(endpoint.body, await request.body())
            call = Call(cloud=cloud, ids=request.path_params, query=query, body=body)
            reply = await endpoint.handler(call)
            if request.method == "GET":
                await cloud.settle()
            else:
                await cloud.save()
        except ApiError as error:
            return _refuse(error)
        if reply.payload is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return JSONResponse(reply.payload, reply.status)

    return answer


def application(cloud: Cloud, token: str, endpoints: Iterable[Endpoint]) -> Starlette:
    """The server as an ASGI application.

    Args:
        cloud: The books and the driver.
        token: The project's token, 64 characters.
        endpoints: All that it speaks; anything else is refused.
    """
    if len(token) != TOKEN_LENGTH:
        message = f"the token must have {TOKEN_LENGTH} characters, this one has {len(token)}"
        raise ValueError(message)

    async def http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        code = "method_not_allowed" if status == HTTPStatus.METHOD_NOT_ALLOWED else "not_found"
        message = f"the lab's API does not speak {request.method} {request.url.path}"
        log.warning("%s", message)
        return _refuse(ApiError(code, message))

    async def crash(request: Request, error: Exception) -> Response:
        log.error("%s %s: %r", request.method, request.url.path, error)
        return _refuse(ApiError("server_error", "the lab's API failed; its log says why"))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await cloud.recover()
        yield
        await cloud.close()

    routes = [
        Route(
            PREFIX + endpoint.path.replace("id}", "id:int}"),
            _bind(endpoint, cloud, token),
            methods=[endpoint.method],
        )
        for endpoint in endpoints
    ]
    for route in routes:
        # Starlette adds HEAD to every GET; Hetzner's API has no HEAD.
        if route.methods is not None:
            route.methods.discard("HEAD")
    return Starlette(
        routes=routes,
        exception_handlers={HTTPException: http_error, Exception: crash},
        lifespan=lifespan,
    )
