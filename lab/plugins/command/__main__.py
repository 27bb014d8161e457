"""The plugin's process; the engine starts it."""

from lab.plugins.command.provider import provider
from lab.plugins.common import serve

if __name__ == "__main__":
    serve(provider())
