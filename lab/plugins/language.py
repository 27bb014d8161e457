"""Stand-in for Pulumi's Python language host: runs `__main__.py` of a project.

Built on the server that the Automation API has for inline programs (`pulumi.automation._server`);
what is added is running a file, in the project's directory and with the project's interpreter,
which is the one that this host itself runs under.
"""

import argparse
import runpy
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from lab.plugins.common.serve import OPTIONS


class Host(LanguageServer):
    """One project's program, run once for each `Run` of the engine."""

    def __init__(self, engine: str) -> None:
        super().__init__(self._program)
        self._engine = engine
        self._directory = Path.cwd()
        self._entry = "."

    def _program(self) -> None:
        entry = (self._directory / self._entry).resolve()
        script = entry / "__main__.py" if entry.is_dir() else entry
        sys.path.insert(0, str(script.parent))
        runpy.run_path(str(script), run_name="__main__")
