"""What may stand in the log: the one list of fields, and what the value of each may look like.

Everything else is left out, and what does not look right is replaced by "?". So neither a mistake in a call nor a
stranger's word that ends up in it writes what an example, an account, a context value or an address holds. Fields
of text take the code's own words (reasons, roles, types) and packages, which the owner has approved by name.
"""

import re
from collections.abc import Callable, Mapping

Value = str | int | float
UNFIT = "?"

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}").fullmatch
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}", re.IGNORECASE).fullmatch
_METHOD = re.compile(r"(/[A-Za-z0-9.]{1,64}/|GET /)?[A-Za-z0-9.]{1,64}").fullmatch
_DEFECT = re.compile(r"[0-9a-f]{8}").fullmatch
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,32}").fullmatch
_OUTLINE = re.compile(r"[\w./<>:, ~+@-]{0,4000}").fullmatch
_RECORD = re.compile(r"[0-9a-f]{0,128}").fullmatch
_MOST = 2**63


def _text(matches: Callable[[str], object]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and matches(value) is not None


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value < _MOST


def _duration(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and 0 <= value < _MOST


def _printed(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 500 and value.isprintable()


FIELDS: Mapping[str, Callable[[object], bool]] = {
    "package": _text(_PACKAGE),
    "method": _text(_METHOD),
    "status": _text(_WORD),
    "reason": _text(_WORD),
    "took_s": _duration,
    "defect": _text(_DEFECT),
    "error": _text(_OUTLINE),  # what `outline` makes: types and places
    "role": _text(_WORD),
    "pid": _count,
    "uid": _count,
    "enclave": _count,
    "record": _text(_RECORD),  # a key of the store: numbers of enclave, collection and sequence, in hexadecimal
    "type": _text(_WORD),  # of context
    "source": _text(_WORD),
    "step": _text(_WORD),
    "outcome": _text(_WORD),
    "steps": _count,
    "examples": _count,
    "keys": _count,
    "lines": _count,
    "restarts": _count,
    "returncode": _count,
    "version": _text(_VERSION),
    "count": _count,
    "repeated": _count,
    "library": _text(_WORD),
    "place": _text(_OUTLINE),
    "text": _printed,  # of a child that has not been sent anything yet, or that its owner wants to hear; see output.py
}
"""By name, whether a value may be written."""


def permitted(given: Mapping[str, object]) -> dict[str, Value]:
    """What of `given` may be written, in its order."""
    return {name: _fit(name, value) for name, value in given.items() if name in FIELDS}


def _fit(name: str, value: object) -> Value:
    fits = FIELDS[name](value)
    return value if fits and isinstance(value, str | int | float) else UNFIT
