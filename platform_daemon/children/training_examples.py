"""The examples of a run, decoded chunk by chunk while the primary still unseals the next ones."""

from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from insitu.v1 import example_pb2, trainer_pb2
from ml_engines.errors import BadInput
from ml_engines.feeds import Feeds

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Examples:
    """Arrays of n rows by input name, and the n sequence numbers."""

    data: dict[str, Array]
    sequences: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.sequences)

    def select(self, mask: NDArray[np.bool_]) -> "Examples":
        return Examples({name: array[mask] for name, array in self.data.items()}, self.sequences[mask])


class ExampleCollector:
    """Gathers chunks; contexts are numbered through all of them."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._contexts: list[example_pb2.Features] = []
        self._chunks: list[dict[str, Array]] = []
        self._sequences: list[int] = []
        self._held_out: list[bool] = []

    def add(self, chunk: trainer_pb2.ExampleChunk) -> None:
        """Raises BadInput or FeatureMissing as `Feeds.rows`."""
        examples = []
        context_of = []
        for stored in chunk.examples:
            number = stored.context
            if number == len(self._contexts) + 1:
                self._contexts.append(_context(stored.new_context))
            context_of.append(number)
            examples.append(stored.example)
            self._sequences.append(stored.sequence)
            self._held_out.append(stored.held_out)
        if examples:
            self._chunks.append(self._feeds.rows(examples, self._contexts, context_of))

    def all(self) -> Examples:
        """Every example so far, in the order of arrival."""
        names = self._chunks[0] if self._chunks else {}
        data = {name: np.concatenate([chunk[name] for chunk in self._chunks]) for name in names}
        return Examples(data, np.array(self._sequences, np.uint64))

    def split(self) -> tuple[Examples, Examples]:
        """Those to train on, those held out."""
        everything, held_out = self.all(), np.array(self._held_out, np.bool_)
        return everything.select(~held_out), everything.select(held_out)


def _context(blob: bytes) -> example_pb2.Features:
    try:
        return example_pb2.Features.FromString(blob)
    except DecodeError as error:
        raise BadInput(f"an example's context is no serialized insitu.v1.Features: {error}") from error
