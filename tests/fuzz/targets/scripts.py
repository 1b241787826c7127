"""Scripts of the scripted source; one that is accepted can be read at any moment."""

from pathlib import Path

from context import ContextError, ContextRegistry
from context.sources.scripted import parse_script
from tests.fuzz.target import FuzzTarget

SEED = b"""repeat_after_s = 60.0
[[state]]
at_s = 0
power = { charging = false, battery_level = 0.4 }
activity = { user_idle = false }
[[state]]
at_s = 20.5
power = { charging = true, on_battery = false }
"""
DEEP = b"state = " + b"[" * 5000 + b"]" * 5000
HEXADECIMAL = b"[[state]]\nat_s = 0\npower = { charging = 0x" + b"f" * 5000 + b" }"
LONG = b"repeat_after_s = " + b"9" * 5000
REGISTRY = ContextRegistry()


def parse(data: bytes) -> None:
    script = parse_script(data.decode("utf-8", "replace"), REGISTRY)
    for moment in (0.0, 20.5, 1e9):
        for name in REGISTRY.names:
            values, holds_s = script.at(moment, name)
            assert holds_s > 0 or not script.states, (values, holds_s)


def target(folder: Path) -> FuzzTarget:
    words = (b"[[state]]", b"at_s = ", b"repeat_after_s = ", b"power = ", b"inf", b"nan", b"{}")
    return FuzzTarget(parse, (ContextError,), (SEED, DEEP, LONG, HEXADECIMAL), words)
