"""All faults, in the order in which they are played. A file each family; a fault is an async function of its world."""

import importlib


class Fault:
    """One fault: its name, what it is, and how it is played."""

    def __init__(self, name, about, play, quick, namespace, short, full):
        self.name, self.about, self.play, self.quick, self.namespace = name, about, play, quick, namespace
        self.seconds = (short, full)

    def bound(self, full):
        """Seconds after which it is ended."""
        return self.seconds[full]


ALL = []


def fault(name, about, quick=False, namespace=False, short=120, full=900):
    """Makes a fault of an async function. `quick`: cheap enough for the gate. `namespace`: wants a network and mounts of its own."""

    def register(play):
        ALL.append(Fault(name, about, play, quick, namespace, short, full))
        return play

    return register


for family in ("crowds", "stalls", "logs", "files", "machine", "upstreams", "names", "tls", "race", "endurance"):
    importlib.import_module(f"cases.{family}")
