"""How a stream of examples becomes requests."""

BATCH_EXAMPLES = 1000
BATCH_BYTES = 1024 * 1024
AHEAD_BYTES = 4 * BATCH_BYTES
"""Of batches that have been sent and not been answered yet, over a connection that keeps order."""
BATCHES_AHEAD = 4
"""How many batches `add_many` has on their way. To encode further ahead would only hold memory, and keep the
interpreter from the thread that sends."""


class Batcher:
    """Collects serialized examples until a batch is full. An example of more than a batch's bytes makes one alone."""

    def __init__(self) -> None:
        self._batch: list[bytes] = []
        self._size_bytes = 0

    def add(self, example: bytes) -> list[bytes]:
        """Returns the batch that this example would have made too large; empty while there is room."""
        full: list[bytes] = []
        if self._batch and (len(self._batch) == BATCH_EXAMPLES or self._size_bytes + len(example) > BATCH_BYTES):
            full = self.rest()
        self._batch.append(example)
        self._size_bytes += len(example)
        return full

    def rest(self) -> list[bytes]:
        """What has been collected since; empty where there is nothing."""
        batch, self._batch, self._size_bytes = self._batch, [], 0
        return batch
