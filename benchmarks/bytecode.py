"""What an installation does and a checkout may lack: every module compiled, as those of the references are."""

import compileall
from importlib.util import find_spec
from pathlib import Path

PACKAGES = (
    "insitu", "client_lib", "context", "artifact_manager", "ml_engines", "platform_daemon", "plan_toolkit",
    "insitu_cli", "benchmarks",
)  # fmt: skip


def compile_packages() -> None:
    """Write the bytecode that is missing or out of date; where it cannot be written, figures include compiling."""
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            compileall.compile_dir(Path(spec.origin).parent, quiet=2)
