"""The daemon's configuration file."""

from pathlib import Path

from platform_daemon.configuration import BadConfiguration, load
from tests.fuzz.target import FuzzTarget

SEED = b"""[daemon]
log_level = "info"
[training]
poll_interval_s = 0.5
assume = ["idle"]
[context]
country = "DE"
scripted = true
metered = { eth0 = false }
plugins = { weather = { url = "x" } }
[limits]
connections_per_uid = 8
"""
DEEP = b"a = " + b"[" * 5000 + b"]" * 5000
LONG = b"[limits]\nconnections_per_uid = " + b"9" * 5000
HEXADECIMAL = b"[training]\ngrace_s = 0x" + b"f" * 5000
NO_TEXT = b"[daemon]\nlog_level = 0x" + b"f" * 5000


def target(folder: Path) -> FuzzTarget:
    file = folder / "insitu.toml"

    def parse(data: bytes) -> None:
        file.write_bytes(data)
        load(home=str(folder), file=file, environ={})

    words = (b"[training]", b"[context]", b"[limits]", b"[daemon]", b"inf", b"nan", b"true", b"[[", b"grace_s = ")
    return FuzzTarget(parse, (BadConfiguration,), (SEED, DEEP, LONG, HEXADECIMAL, NO_TEXT), words)
