"""Stand-ins take exactly what the official SDKs of the locked versions send."""

import inspect

import pulumi_command as command
import pulumi_random as random
import pytest
from pulumi import _types

from lab.plugins.command import provider as command_provider
from lab.plugins.common import Field, Provider, Resource
from lab.plugins.random_plugin import provider as random_provider

# The SDK's classes for each type: the resource and its arguments.
SDK: dict[str, tuple[type, type]] = {
    "random:index/randomBytes:RandomBytes": (random.RandomBytes, random.RandomBytesArgs),
    "random:index/randomId:RandomId": (random.RandomId, random.RandomIdArgs),
    "random:index/randomPassword:RandomPassword": (
        random.RandomPassword,
        random.RandomPasswordArgs,
    ),
    "command:local:Command": (command.local.Command, command.local.CommandArgs),
    "command:remote:Command": (command.remote.Command, command.remote.CommandArgs),
    "command:remote:CopyToRemote": (command.remote.CopyToRemote, command.remote.CopyToRemoteArgs),
}

# Which inputs replace: every one in `random` (each resource is drawn once), and in `command` the
# elements of `triggers` alone (the SDK's replaceOnChanges).
REPLACING = {
    "random:index/randomBytes:RandomBytes": {"keepers", "length"},
    "random:index/randomId:RandomId": {"byteLength", "keepers", "prefix"},
    "random:index/randomPassword:RandomPassword": {
        "keepers", "length", "lower", "minLower", "minNumeric", "minSpecial", "minUpper", "number",
        "numeric", "overrideSpecial", "special", "upper",
    },
    "command:local:Command": {"triggers"},
    "command:remote:Command": {"triggers"},
    "command:remote:CopyToRemote": {"triggers"},
}  # fmt: skip


def wire(cls: type) -> set[str]:
    """The names that an arguments class sends."""
    return set(_types.input_type_py_to_pulumi_names(cls).values())


def required(cls: type) -> set[str]:
    """The names that an arguments class cannot do without."""
    names = _types.input_type_py_to_pulumi_names(cls)
    return {
        names[name]
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is inspect.Parameter.empty and name in names
    }


def providers() -> list[Provider]:
    """The stand-ins of this test."""
    return [random_provider(), command_provider.provider()]


def resources() -> list[Resource]:
    """Every type they serve."""
    return [resource for provider in providers() for resource in provider.resources]


def by_token(resource: Resource) -> str:
    """A test's name for it."""
    return resource.schema.token


def test_the_stand_ins_serve_the_listed_types() -> None:
    """Each type that this program may use is served, under the SDK's own token."""
    assert {resource.schema.token for resource in resources()} == set(SDK)
    for token, (cls, _) in SDK.items():
        assert cls.pulumi_type == token  # type: ignore[attr-defined]


@pytest.mark.parametrize("resource", resources(), ids=by_token)
def test_properties_are_those_of_the_sdk(resource: Resource) -> None:
    """Inputs, required inputs and outputs are equal sets, neither more nor less."""
    schema = resource.schema
    cls, arguments = SDK[schema.token]
    assert set(schema.inputs) == wire(arguments)
    assert {n for n, field in schema.inputs.items() if field.required} == required(arguments)
    outputs = set(_types.resource_py_to_pulumi_names(cls).values())
    assert set(schema.inputs) | set(schema.outputs) == outputs


@pytest.mark.parametrize("resource", resources(), ids=by_token)
def test_replacing_inputs_are_those_of_the_official_provider(resource: Resource) -> None:
    """A change of exactly these inputs makes a new resource."""

    def replaces(field: Field) -> bool:
        return field.replaces or (field.item is not None and replaces(field.item))

    found = {name for name, field in resource.schema.inputs.items() if replaces(field)}
    assert found == REPLACING[resource.schema.token]


@pytest.mark.parametrize("resource", resources(), ids=by_token)
def test_what_the_sdk_calls_secret_is_secret(resource: Resource) -> None:
    """Every property that the SDK marks as a secret output is secret in the stand-in too."""
    cls, _ = SDK[resource.schema.token]
    source = inspect.getsource(cls)
    marked = source.partition("additional_secret_outputs=[")[2].partition("]")[0]
    names = {name.strip().strip('"') for name in marked.split(",") if name.strip()}
    fields = {**resource.schema.inputs, **resource.schema.outputs}
    assert {name for name, field in fields.items() if field.secret} == names


def test_connections_have_the_sdks_options() -> None:
    """Connection and proxy take the SDK's options, and `proxy` stands in no proxy."""
    [remote] = [r for r in resources() if r.schema.token == "command:remote:Command"]
    connection = remote.schema.inputs["connection"]
    assert set(connection.fields) == wire(command.remote.ConnectionArgs)
    assert set(connection.fields["proxy"].fields) == wire(command.remote.ProxyConnectionArgs)
    logging = {member.value for member in command.remote.Logging}
    assert set(remote.schema.inputs["logging"].choices) == logging


def test_versions_are_those_of_the_sdks() -> None:
    """Stand-ins name the version of the SDK whose tokens they take."""
    assert [provider.version for provider in providers()] == ["4.21.4", "1.2.1"]
