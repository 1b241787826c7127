"""From examples to a graph's inputs: a plan's feeds, compiled once, applied to many batches.

A feed named "context:TYPE.FEATURE" reads only the context that the platform injected, any other feed reads only the
example: an app cannot forge context by naming a feature so, and context never stands in for an app's feature.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from insitu.v1 import example_pb2, plan_pb2
from ml_engines import uniform
from ml_engines.columns import Array, Column, FeatureError, column
from ml_engines.errors import BadInput, FeatureMissing
from ml_engines.tensors import column_of, dtype_of

CONTEXT_PREFIX = "context:"
_WORTH_COMPARING = 8
"""So many examples, and more, may be decoded all at once."""

_Feature = example_pb2.Feature
_parse_example = example_pb2.Example.FromString


class _CompiledFeed:
    __slots__ = ("column", "count", "default", "dtype", "feature", "input", "of_context", "shape")

    def __init__(self, feed: plan_pb2.Feed) -> None:
        self.feature = feed.feature
        self.input = feed.input
        self.of_context = feed.feature.startswith(CONTEXT_PREFIX)
        self.dtype = dtype_of(feed.dtype, f"feed of {feed.input!r}")
        self.shape = tuple(feed.shape)
        self.count = math.prod(self.shape)
        self.column: Column = column(feed)
        self.default: _Feature | None = None
        if feed.HasField("default") and feed.default.WhichOneof("kind"):
            self.default = feed.default
            self.build([feed.default], "default of feature")

    def takes(self, dtype: np.dtype[np.generic]) -> bool:
        """Whether numbers of this type, as `uniform` hands them out, become the input by mere conversion."""
        return self.dtype.kind == "f" or (self.dtype.kind == "i" and dtype.kind == "u")

    def build(self, features: list[_Feature], what: str = "feature") -> Array:
        try:
            return self.column(features)
        except FeatureError as error:
            where = "" if len(features) == 1 else f" of example {error.row}"
            raise BadInput(f"{what} {self.feature!r}{where} {error.problem}") from error

    def zeros(self, rows: int) -> Array:
        empty: Any = b"" if self.dtype.kind == "O" else 0
        return np.full((rows, *self.shape), empty, self.dtype)

    def pick(self, source: example_pb2.Features | None, fallback: _Feature | None, row: int | None) -> _Feature:
        if source is not None and self.feature in source.feature:
            feature = source.feature[self.feature]
            if feature.WhichOneof("kind"):
                return feature
        if fallback is None:
            where = "" if row is None else f" in example {row}"
            raise FeatureMissing(f"feature {self.feature!r} is missing{where} and the plan has no default for it")
        return fallback


class Feeds:
    """Compiled feeds of one plan. Stateless; any thread may use it.

    Raises:
        BadInput: an input is fed twice, a type is unknown, or a default does not fit its feed.
    """

    def __init__(self, feeds: Sequence[plan_pb2.Feed]) -> None:
        compiled = [_CompiledFeed(feed) for feed in feeds]
        inputs = [feed.input for feed in compiled]
        for name in inputs:
            if inputs.count(name) > 1:
                raise BadInput(f"input {name!r} is fed twice; keep one feed for it")
        self._feeds = compiled
        self._own = [feed for feed in compiled if not feed.of_context]
        self._of_context = [feed for feed in compiled if feed.of_context]

    def batch(
        self,
        examples: Sequence[bytes],
        context: example_pb2.Features | None = None,
        shared: bytes = b"",
    ) -> dict[str, Array]:
        """Inputs for a prediction: one row an example, the same context for all of them.

        `shared` is a serialized Example whose features stand in where an example lacks them.

        Raises:
            BadInput: no Example, or a feature of the wrong kind or size.
            FeatureMissing: an example lacks a feature that has no default.
        """
        common = _decode(shared, "the shared example") if shared else None
        arrays = self._decode_own(examples, common)
        for feed in self._of_context:
            row = feed.build([feed.pick(context, feed.default, None)])
            arrays[feed.input] = np.repeat(row, len(examples), axis=0)
        return arrays

    def table(
        self, columns: Sequence[example_pb2.Tensor], context: example_pb2.Features | None = None
    ) -> tuple[dict[str, Array], int]:
        """Inputs for a prediction from columns, one tensor a feature, and how many rows they have.

        Raises:
            BadInput: a column of the wrong kind or size, or of another number of rows than the first.
            FeatureMissing: there is no column, and no default.
        """
        given = {tensor.name: tensor for tensor in columns}
        rows = columns[0].shape[0] if columns[0].shape else 0
        if rows < 1:
            raise BadInput(f"column {columns[0].name!r} has no rows; send at least one")
        arrays = {}
        for feed in self._own:
            tensor = given.get(feed.feature)
            if tensor is None:
                arrays[feed.input] = np.repeat(feed.build([feed.pick(None, feed.default, None)]), rows, axis=0)
            else:
                arrays[feed.input] = column_of(tensor, rows, feed.dtype, feed.shape)
        for feed in self._of_context:
            row = feed.build([feed.pick(context, feed.default, None)])
            arrays[feed.input] = np.repeat(row, rows, axis=0)
        return arrays, rows

    def rows(
        self,
        examples: Sequence[bytes],
        contexts: Sequence[example_pb2.Features],
        context_of: Sequence[int],
    ) -> dict[str, Array]:
        """Inputs for training: example i has the context `contexts[context_of[i] - 1]`, or none where that is 0.

        Raises:
            BadInput, FeatureMissing: as `batch`; or an index beyond `contexts`.
        """
        arrays = self._decode_own(examples, None)
        if not self._of_context:
            return arrays
        numbers, inverse = np.unique(np.asarray(context_of, np.int64), return_inverse=True)
        if numbers.size and not 0 <= numbers[0] <= numbers[-1] <= len(contexts):
            raise BadInput(f"an example names context {numbers[-1]}; {len(contexts)} were sent")
        used = [None if number == 0 else contexts[number - 1] for number in numbers.tolist()]
        for feed in self._of_context:
            features = [feed.pick(features, feed.default, None) for features in used]
            arrays[feed.input] = feed.build(features)[inverse]
        return arrays

    def zeros(self, rows: int) -> dict[str, Array]:
        """Inputs of the right types and shapes that hold nothing: zeros, or empty bytes."""
        return {feed.input: feed.zeros(rows) for feed in self._feeds}

    def _decode_own(self, examples: Sequence[bytes], common: example_pb2.Features | None) -> dict[str, Array]:
        own = self._own
        if len(examples) >= _WORTH_COMPARING:
            alike = self._decode_alike(examples)
            if alike is not None:
                return alike
        fallbacks = [_fallback(feed, common) for feed in own]
        picked: list[list[_Feature]] = [[] for _ in own]
        for row, data in enumerate(examples):
            features = _decode(data, row)
            table = features.feature
            for feed, fallback, into in zip(own, fallbacks, picked, strict=True):
                feature = table.get(feed.feature)
                if feature is None or feature.WhichOneof("kind") is None:
                    feature = feed.pick(None, fallback, row)
                into.append(feature)
        return {feed.input: feed.build(rows) for feed, rows in zip(own, picked, strict=True)}

    def _decode_alike(self, examples: Sequence[bytes]) -> dict[str, Array] | None:
        """All at once, where the examples are alike and have what each feed wants."""
        try:
            features = uniform.decode(examples)
        except uniform.NotUniform:
            return None
        arrays: dict[str, Array] = {}
        for feed in self._own:
            numbers = features.get(feed.feature)
            if numbers is None or numbers.shape[1] != feed.count or not feed.takes(numbers.dtype):
                return None
            arrays[feed.input] = numbers.astype(feed.dtype, copy=False).reshape(len(examples), *feed.shape)
        return arrays


def _fallback(feed: _CompiledFeed, common: example_pb2.Features | None) -> _Feature | None:
    if common is not None and feed.feature in common.feature and common.feature[feed.feature].WhichOneof("kind"):
        return common.feature[feed.feature]
    return feed.default


def _decode(data: bytes, row: int | str) -> example_pb2.Features:
    try:
        return _parse_example(data).features
    except DecodeError as error:
        who = f"example {row}" if isinstance(row, int) else row
        raise BadInput(f"{who} is no serialized insitu.v1.Example: {error}") from error
