"""The soak: random changes and faults on a real mesh, against a model of what must hold."""
