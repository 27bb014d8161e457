"""Run the plugin; the engine starts it."""

from lab.plugins.aws.provider import AwsProvider
from lab.plugins.common import serve

if __name__ == "__main__":
    serve(AwsProvider())
