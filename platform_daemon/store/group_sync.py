"""One sync for many writers: those who ask while one is under way share the next.

The next one waits a little for as many as shared the last, for no longer than half of what a sync takes: they have just
been let go, and most come back at once. Whoever writes alone waits for nobody.

The thread is started by the first to ask, so that a device without durable collections has none.
"""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import Future

from platform_daemon.errors import DaemonError, Unavailable


class GroupSync:
    """`sync` makes durable what was written before it began. It runs on one thread, one at a time."""

    def __init__(self, sync: Callable[[], None], monotonic_s: Callable[[], float]) -> None:
        self._sync = sync
        self._monotonic_s = monotonic_s
        self._changed = threading.Condition()
        self._next: list[Future[None]] = []
        self._expected = 0
        """How many shared the last."""
        self._sync_s = 0.0
        """How long that took."""
        self._thread: threading.Thread | None = None
        self._open = True

    def join(self) -> Future[None]:
        """Done, or failed, with the first sync that begins after this call. Cancelling it has no effect."""
        with self._changed:
            if not self._open:
                raise Unavailable("the example store is closed: repeat when the daemon is back", reason="STORE_CLOSED")
            joined: Future[None] = Future()
            joined.set_running_or_notify_cancel()
            self._next.append(joined)
            if len(self._next) in (1, self._expected):
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="example sync", daemon=True)
                self._thread.start()
            return joined

    def close(self) -> None:
        """Once the last that was asked for is done. Repeatable."""
        with self._changed:
            self._open = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while joined := self._wait():
            began_s = self._monotonic_s()
            try:
                self._sync()
            except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                for one in joined:
                    one.set_exception(_own(error))
            else:
                for one in joined:
                    one.set_result(None)
            self._sync_s = self._monotonic_s() - began_s

    def _wait(self) -> list[Future[None]]:
        """The next to be served; nobody once closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._next or not self._open)
            self._changed.wait_for(lambda: len(self._next) >= self._expected or not self._open, self._sync_s / 2)
            joined, self._next = self._next, []
            self._expected = len(joined)
            return joined


def _own(error: Exception) -> Exception:
    """For one of several who raise it: each adds to the traceback, and may add a cause."""
    own = copy.copy(error) if isinstance(error, DaemonError) else RuntimeError("the examples could not be synced")
    own.__cause__ = error
    return own
