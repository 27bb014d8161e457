"""Run the plugin; the engine starts it."""

from lab.plugins.common import serve
from lab.plugins.hcloud.provider import HcloudProvider

if __name__ == "__main__":
    serve(HcloudProvider())
