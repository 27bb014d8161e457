"""Real machines without a cloud: a local cloud API, machines, networks, plugins."""
