"""Where a device keeps its configuration, state and sockets: the one place that knows.

`INSITU_HOME` puts everything under one folder. Without it the XDG Base Directory Specification decides, so that no
step needs root. Standard library only: this module is imported by whatever wants to find a daemon.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP_SOCKET = "insitu.sock"
CONTROL_SOCKET = "control.sock"
SOCKET_PATH_LIMIT_BYTES = 107
"""What the kernel's `sockaddr_un` holds, less the final NUL."""


@dataclass(frozen=True, slots=True)
class Locations:
    """The folders of one device. None of them need exist."""

    config: Path
    state: Path
    run: Path
    """Holds both sockets; 0700."""

    @property
    def config_file(self) -> Path:
        return self.config / "insitu.toml"

    @property
    def socket(self) -> Path:
        """The apps' socket."""
        return self.run / APP_SOCKET

    @property
    def control_socket(self) -> Path:
        """The owner's socket."""
        return self.run / CONTROL_SOCKET


def locate(home: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Locations:
    """Find the folders of the device whose home is `home`, else `INSITU_HOME`, else this OS user's own."""
    variables = os.environ if environ is None else environ
    chosen = os.fspath(home) if home is not None else variables.get("INSITU_HOME", "")
    if chosen:
        root = Path(chosen).expanduser().absolute()
        return Locations(root / "config", root / "state", root / "run")
    state = _base(variables, "XDG_STATE_HOME", ".local/state") / "insitu"
    runtime = variables.get("XDG_RUNTIME_DIR", "")
    return Locations(
        config=_base(variables, "XDG_CONFIG_HOME", ".config") / "insitu",
        state=state,
        run=Path(runtime) / "insitu" if os.path.isabs(runtime) else state / "run",
    )


def find_socket(socket: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The apps' socket: `socket`, else `INSITU_SOCKET`, else the device's own."""
    variables = os.environ if environ is None else environ
    chosen = os.fspath(socket) if socket is not None else variables.get("INSITU_SOCKET", "")
    return Path(chosen).expanduser().absolute() if chosen else locate(environ=variables).socket


def find_control_socket(socket: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The owner's socket, always beside the apps' one."""
    return find_socket(socket, environ).with_name(CONTROL_SOCKET)


def _base(variables: Mapping[str, str], name: str, default: str) -> Path:
    """A base folder. The specification says to ignore a relative one."""
    value = variables.get(name, "")
    if os.path.isabs(value):
        return Path(value)
    return Path(variables.get("HOME") or Path.home()) / default
