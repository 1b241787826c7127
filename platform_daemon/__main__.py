"""`insitud`, the same as `insitu daemon run`."""

import argparse
import gc
import os
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run the daemon until SIGTERM or SIGINT. Exit status 0, or 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="insitud", description="Insitu's daemon: learns where the data is.")
    parser.add_argument("--home", metavar="DIR", help="one folder for configuration, state and sockets")
    parser.add_argument("--config", metavar="FILE", type=Path, help="configuration, where not in its usual place")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--log-format", choices=("auto", "text", "json"))
    arguments = parser.parse_args(argv)
    # gRPC's own log goes past the daemon's, in words of its choice.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # What is imported stays: the collector need not look for garbage in it, neither now nor ever after.
    gc.disable()
    # Before gRPC or anything else has started a thread: the filter holds for threads that come after it.
    from platform_daemon.sandbox import confine_primary

    missing = confine_primary()
    from platform_daemon.app import CANNOT_START, run
    from platform_daemon.configuration import BadConfiguration, load

    gc.freeze()
    gc.enable()
    try:
        flags = {"log_level": arguments.log_level, "log_format": arguments.log_format}
        configuration = load(home=arguments.home, file=arguments.config, **flags)
        return run(configuration, missing, arguments.config)
    except (BadConfiguration, *CANNOT_START) as error:
        print(f"insitud: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
