"""Epochs in hashed order: complete, repeatable, unmoved by what is deleted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from platform_daemon.children.order import ExampleOrder, Position, order_keys

_SEQUENCES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40, unique=True).map(
    lambda numbers: np.array(numbers, np.uint64)
)


def _visits(order: ExampleOrder, position: Position, sequences: NDArray[np.uint64]) -> list[int]:
    epoch = next(order.epochs(position))
    return [int(number) for number in sequences[epoch.rows.ravel()]]


@settings(deadline=None)
@given(_SEQUENCES, st.integers(0, 2**64 - 1), st.integers(0, 1000))
def test_keys_of_one_epoch_are_distinct(sequences: NDArray[np.uint64], seed: int, epoch: int) -> None:
    keys = order_keys(seed, epoch, sequences)
    assert len(set(keys.tolist())) == len(sequences)


def test_keys_never_change() -> None:
    # A checkpoint of an older release holds such a key: another function would resume at another place.
    assert order_keys(1, 0, np.array([0, 1, 2**64 - 1], np.uint64)).tolist() == [
        15916886550466581944,
        6652587683579779273,
        8440349830928796964,
    ]


@settings(deadline=None)
@given(_SEQUENCES, st.integers(1, 7), st.integers(0, 3))
def test_an_epoch_visits_every_example_once_and_fills_up_with_its_first(
    sequences: NDArray[np.uint64], batch: int, epoch: int
) -> None:
    order = ExampleOrder(sequences, 5, batch)
    visits = _visits(order, Position(epoch=epoch), sequences)
    count = len(sequences)
    assert sorted(visits[:count]) == sorted(sequences.tolist())
    assert len(visits) == order.steps_per_epoch * batch
    assert visits[count:] == (visits[:count] * batch)[: len(visits) - count]


@settings(deadline=None)
@given(_SEQUENCES, st.integers(1, 7), st.data())
def test_what_is_left_of_an_epoch_follows_what_was_done(
    sequences: NDArray[np.uint64], batch: int, data: st.DataObject
) -> None:
    order = ExampleOrder(sequences, 5, batch)
    whole = next(order.epochs(Position()))
    done = data.draw(st.integers(0, len(whole.rows) - 1))
    key = int(whole.last_keys[done - 1]) if done else 0
    rest = next(order.epochs(Position(done, 0, done, key)))
    np.testing.assert_array_equal(rest.rows, whole.rows[done:])
    np.testing.assert_array_equal(rest.last_keys, whole.last_keys[done:])
    assert order.steps_left(Position(done, 0, done, key)) == len(whole.rows) - done


@settings(deadline=None)
@given(_SEQUENCES, st.data())
def test_deleting_examples_moves_no_other(sequences: NDArray[np.uint64], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(sequences.tolist()), min_size=1, unique=True))
    before = _visits(ExampleOrder(sequences, 5, 1), Position(), sequences)
    remaining = np.array(kept, np.uint64)
    after = _visits(ExampleOrder(remaining, 5, 1), Position(), remaining)
    assert after == [number for number in before if number in set(kept)]


@settings(deadline=None)
@given(_SEQUENCES, st.data())
def test_deleting_examples_between_suspending_and_resuming_skips_only_them(
    sequences: NDArray[np.uint64], data: st.DataObject
) -> None:
    whole = next(ExampleOrder(sequences, 5, 2).epochs(Position()))
    done = data.draw(st.integers(1, len(whole.rows)))
    position = Position(done, 0, done, int(whole.last_keys[done - 1]))
    used = set(sequences[whole.rows[:done].ravel()].tolist())
    kept = data.draw(st.lists(st.sampled_from(sequences.tolist()), min_size=1, unique=True))
    remaining = np.array(kept, np.uint64)
    rest = next(ExampleOrder(remaining, 5, 2).epochs(position))
    unseen = [number for number in kept if number not in used]
    visited = remaining[rest.rows.ravel()].tolist()[: len(unseen)]
    assert sorted(visited) == sorted(unseen)


def test_epochs_differ() -> None:
    sequences = np.arange(100, dtype=np.uint64)
    epochs = ExampleOrder(sequences, 5, 10).epochs(Position())
    orders = {tuple(next(epochs).rows.ravel().tolist()) for _ in range(4)}
    assert len(orders) == 4
