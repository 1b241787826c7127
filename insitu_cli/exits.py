"""Exit codes, and which failure has which."""

import enum
import os
import sys

EXTRAS = {
    "platform_daemon": "daemon",
    "plyvel": "daemon",
    "apscheduler": "daemon",
    "safetensors": "daemon",
    "ai_edge_litert": "daemon",
    "numpy": "daemon",
    "rich": "daemon",
    "tensorflow": "toolkit",
    "keras": "toolkit",
    "sklearn": "toolkit",
    "matplotlib": "toolkit",
    "jinja2": "toolkit",
}
"""The extra that installs a module."""

_REFUSALS = {
    "artifact_manager.errors": "ArtifactError",
    "plan_toolkit.errors": "ToolkitError",
    "platform_daemon.configuration": "BadConfiguration",
    "platform_daemon.errors": "DaemonError",
    "platform_daemon.state.database": "SchemaFromTheFuture",
}


class ExitCode(enum.IntEnum):
    OK = 0
    FAILED = 1
    """The daemon refused, or the work failed; the message says why."""
    USAGE = 2
    """Wrong command, option or argument."""
    DAEMON_NOT_RUNNING = 3
    NOT_FOUND = 4
    """No app, collection, session, model or file of that name."""
    NOT_INSTALLED = 5
    """An extra is missing; the message names it."""


EPILOG = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 daemon not running, 4 not found, 5 extra not installed."


def explain(error: Exception) -> tuple[str, ExitCode] | None:
    """The message and exit code of a failure that a user can do something about; None for a defect."""
    from client_lib.errors import DaemonNotRunning, InsituError, NotFound

    match error:
        case DaemonNotRunning():
            return error.message, ExitCode.DAEMON_NOT_RUNNING
        case NotFound():
            return error.message, ExitCode.NOT_FOUND
        case InsituError():
            return error.message, ExitCode.FAILED
        case ModuleNotFoundError():
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                return None
            return f"this command needs {error.name}; run: pip install 'insitu[{extra}]'", ExitCode.NOT_INSTALLED
        case OSError(filename=str() | bytes() as name, strerror=why):
            return f"{os.fsdecode(name)}: {why}", ExitCode.FAILED
        case _ if isinstance(error, _refusals()):
            return str(error), ExitCode.FAILED
        case _:
            return None


def _refusals() -> tuple[type[Exception], ...]:
    """What the packages behind the command raise on purpose. One that is not loaded cannot have raised."""
    return tuple(getattr(sys.modules[module], name) for module, name in _REFUSALS.items() if module in sys.modules)
