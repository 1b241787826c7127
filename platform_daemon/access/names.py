"""How packages and context wishes are written."""

import re

from platform_daemon.errors import InvalidArgument

_PACKAGE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_PACKAGE_LIMIT_CHARACTERS = 64  # of a common name in X.509 (RFC 5280, ub-common-name)
_WISH = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?")
_WISHES_LIMIT = 64


def check_package(package: str) -> str:
    """The package name as it is. Raises InvalidArgument unless it is a reverse domain name in lower case."""
    if len(package) > _PACKAGE_LIMIT_CHARACTERS or not _PACKAGE.fullmatch(package):
        raise InvalidArgument(
            f"write a reverse domain name such as com.example.keyboard: a-z, 0-9, _ and at least one dot,"
            f" at most {_PACKAGE_LIMIT_CHARACTERS} characters",
            field="package",
        )
    return package


def check_wishes(context: tuple[str, ...]) -> tuple[str, ...]:
    """What an app would like to be granted, each once, sorted. Raises InvalidArgument."""
    if len(context) > _WISHES_LIMIT:
        raise InvalidArgument(f"name at most {_WISHES_LIMIT} context types and features", field="context")
    if not all(_WISH.fullmatch(wish) for wish in context):
        raise InvalidArgument("write each as TYPE or TYPE.FEATURE, such as power.charging", field="context")
    return tuple(sorted(set(context)))
