"""Imports TensorFlow, and runs it, without its log lines on the author's terminal, one thread at a time."""

import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# What a block turns is the process's: the descriptor, the filters of warnings, and how TensorFlow runs inner functions
# while gradients are traced. A second thread would put back what the first had turned.
_turn = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Sends what native code writes to standard error into a scratch file while the block runs.

    TensorFlow's compiler logs past every switch that Python has, so the descriptor itself is turned; the whole process
    is affected, other threads' standard error too. Standard output stays as it is. Another thread's block waits for
    this one to end; blocks of one thread may be nested.
    """
    with _turn:
        yield from _silenced()


def _silenced() -> Iterator[None]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as scratch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.dup2(scratch.fileno(), 2)
            for logger in loggers:
                logger.addFilter(_is_error)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        for logger in loggers:
            logger.removeFilter(_is_error)


def _is_error(record: logging.LogRecord) -> bool:
    """A filter, not a level: TensorFlow sets the levels back."""
    return record.levelno >= logging.ERROR
