"""The wire names that an installed SDK of Pulumi's has."""

from types import ModuleType

from pulumi._types import input_type_py_to_pulumi_names


def names(module: ModuleType, arguments: str) -> set[str]:
    """The wire names of an arguments class of the SDK."""
    return set(input_type_py_to_pulumi_names(getattr(module, arguments)).values())


def properties(module: ModuleType, name: str) -> set[str]:
    """The wire names of all properties of a resource of the SDK."""
    found = vars(getattr(module, name)).values()
    getters = (one.fget for one in found if isinstance(one, property))
    named = (getattr(one, "_pulumi_name", None) for one in getters)
    return {name for name in named if name is not None}
