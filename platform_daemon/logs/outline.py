"""An error as types and places, without its words: those may quote a request."""

import traceback

_CAUSES_LIMIT = 8
_FRAMES_LIMIT = 12
_LENGTH_LIMIT = 4000


def outline(error: BaseException) -> str:
    """The causes first: "KeyError at a/x.py:3 f > a/x.py:9 g, then Internal at …". Of many frames the innermost."""
    steps: list[str] = []
    step: BaseException | None = error
    while step is not None and len(steps) < _CAUSES_LIMIT:
        frames = traceback.extract_tb(step.__traceback__)[-_FRAMES_LIMIT:]
        places = " > ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
        steps.insert(0, f"{type(step).__qualname__} at {places or 'an unknown place'}")
        step = step.__cause__ or step.__context__
    return ", then ".join(steps)[-_LENGTH_LIMIT:]


def _short(filename: str) -> str:
    """The file and its folder: the folders above may be called after a person."""
    return "/".join(filename.split("/")[-2:])
