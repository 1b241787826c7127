"""In which order an epoch visits its examples.

Each example has a key, a hash of (seed, epoch, sequence); an epoch goes by ascending keys. So the order is random, the
same every time, and an example that is deleted meanwhile moves no other. SplitMix64's finaliser (Steele, Lea and
Flood 2014) is a bijection: two examples of one epoch never share a key.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GAMMA = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1

Indices = NDArray[np.int64]


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def order_keys(seed: int, epoch: int, sequences: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Keys of shape (n,) for sequence numbers of shape (n,)."""
    start = np.array([(seed + _GAMMA * (epoch + 1)) & _MASK], np.uint64)
    return _mix(sequences ^ _mix(start))


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come; what a checkpoint records of it."""

    step: int = 0
    epoch: int = 0
    epoch_step: int = 0
    last_order_key: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """What is left of one epoch: `rows` of shape (steps, batch), indices into the examples; and the key of each step's
    last example. The last batch is filled up with the epoch's first examples."""

    number: int
    first_step: int
    rows: Indices
    last_keys: NDArray[np.uint64]


class ExampleOrder:
    """Batches over examples with these sequence numbers, of shape (n,), n > 0."""

    def __init__(self, sequences: NDArray[np.uint64], seed: int, batch_size: int) -> None:
        self._sequences = sequences
        self._seed = seed
        self._batch_size = batch_size
        self.steps_per_epoch = -(-len(sequences) // batch_size)

    def epochs(self, position: Position) -> Iterator[Epoch]:
        """From `position` on, without end. The first may have no step left."""
        yield self._epoch(position.epoch, position.epoch_step, position.last_order_key)
        number = position.epoch
        while True:
            number += 1
            yield self._epoch(number, 0, 0)

    def steps_left(self, position: Position) -> int:
        """In the epoch that `position` is in."""
        return len(self._epoch(position.epoch, position.epoch_step, position.last_order_key).rows)

    def _epoch(self, number: int, epoch_step: int, last_order_key: int) -> Epoch:
        keys = order_keys(self._seed, number, self._sequences)
        order = np.argsort(keys)
        keys = keys[order]
        start = int(np.searchsorted(keys, np.uint64(last_order_key), side="right")) if epoch_step else 0
        left = order[start:]
        steps = -(-len(left) // self._batch_size)
        filler = np.resize(order, steps * self._batch_size - len(left))
        ends = np.minimum(np.arange(1, steps + 1) * self._batch_size, len(left)) - 1
        rows = np.concatenate([left, filler]).reshape(steps, self._batch_size)
        return Epoch(number, epoch_step, rows, keys[start:][ends])
