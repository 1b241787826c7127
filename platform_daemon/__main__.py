"""`insitud`, the same as `insitu daemon run`."""

import argparse
import gc
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Run the daemon until SIGTERM or SIGINT. Exit status 0, or 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="insitud", description="Insitu's daemon: learns where the data is.")
    parser.add_argument("--home", metavar="DIR", help="one folder for configuration, state and sockets")
    parser.add_argument("--config", metavar="FILE", type=Path, help="configuration, where not in its usual place")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    arguments = parser.parse_args(argv)
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
        configuration = load(home=arguments.home, file=arguments.config, log_level=arguments.log_level)
        return run(configuration, missing, arguments.config)
    except (BadConfiguration, *CANNOT_START) as error:
        print(f"insitud: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
