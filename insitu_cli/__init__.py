"""The one command `insitu`: parses, calls, prints. Decides nothing."""

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of the console script."""
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        from insitu_cli.exits import ExitCode

        print("Error: the command needs click; run: pip install 'insitu[daemon]'", file=sys.stderr)
        sys.exit(ExitCode.NOT_INSTALLED)
    from insitu_cli.root import cli

    cli(prog_name="insitu")
