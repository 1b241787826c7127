"""How packages are written: the same rule for the file that an app keeps and for the daemon that knows it."""

import re

LONGEST_PACKAGE = 64
"""What a certificate's common name holds (RFC 5280, appendix A.1: ub-common-name)."""
PACKAGE_RULE = (
    "write a reverse domain name such as com.example.keyboard: a-z, 0-9, _ and at least one dot,"
    f" at most {LONGEST_PACKAGE} characters"
)
_PACKAGE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


def is_package(name: str) -> bool:
    """Whether `name` may name an app."""
    return len(name) <= LONGEST_PACKAGE and _PACKAGE.fullmatch(name) is not None
