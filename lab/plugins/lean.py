"""Starts a stand-in without what it does not use: `python -m lab.plugins.lean MODULE [ARGUMENT…]`.

Importing anything of the `pulumi` package loads the whole SDK, half a second of processor time for
each of four plugins in every preview, and a stand-in needs the wire protocol alone. So the two
packages above that protocol stand here as bare names with a path. The SSH library is loaded by its
first use, which a preview never makes. The garbage collector waits until all is loaded, and what is
loaded it never looks through, not even at the end: a fifth of a stand-in's processor time.
"""

import gc
import importlib
import runpy
import sys
from importlib.machinery import PathFinder
from types import ModuleType

_BARE = ("pulumi", "pulumi.runtime")
_LATE = ("asyncssh",)


def bare(name: str) -> None:
    """Make a package importable without running its own code."""
    parent = sys.modules.get(name.rpartition(".")[0])
    spec = PathFinder.find_spec(name, list(parent.__path__) if parent else None)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(name=name)
    package = ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules[name] = package


class Late(ModuleType):
    """Stands for a module until something of it is asked for.

    The standard library's lazy loader loads at the second `import` statement already.
    """

    def __getattr__(self, attribute: str) -> object:
        name = self.__name__
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if sys.modules.get(name) is self:
            del sys.modules[name]
        found: object = getattr(importlib.import_module(name), attribute)
        return found


def loaded() -> None:
    """Let the collector begin, with everything that is there by now out of its sight."""
    gc.freeze()
    gc.enable()


def main() -> None:
    """Run the module named first, as if Python had been started with it."""
    gc.disable()
    module, *arguments = sys.argv[1:]
    for name in _BARE:
        bare(name)
    for name in _LATE:
        sys.modules[name] = Late(name)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
