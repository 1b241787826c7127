"""How patiently examples are delivered, and what is said when they cannot be."""

import logging

from client_lib.errors import Cancelled, DaemonNotRunning, InsituError
from client_lib.retry import BACKGROUND, INTERACTIVE, RetryPolicy

logger = logging.getLogger("client_lib")


class Delivery:
    """What the sender of one connection has learnt from the batches before."""

    def __init__(self) -> None:
        self.policy: RetryPolicy = BACKGROUND
        """For the next batch."""
        self._reported: set[str] = set()

    def succeeded(self) -> None:
        """A batch has been stored."""
        self.policy = BACKGROUND

    def failed(self, error: InsituError) -> None:
        """Tasks may be ignored, their failures should not go unseen: the first of each reason is logged."""
        # Whoever waited once for a daemon that did not come back need not wait again for each batch.
        self.policy = INTERACTIVE if isinstance(error, DaemonNotRunning) else BACKGROUND
        if error.reason not in self._reported:
            self._reported.add(error.reason)
            logger.warning("examples were not stored: %s", error)


def unsent() -> Cancelled:
    """What becomes of examples that were still to be sent."""
    return Cancelled("the connection was closed before the examples were sent; keep it open or wait for the task")
