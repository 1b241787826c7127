"""Losses as one value a row, written with operations that every engine has."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import keras
import tensorflow as tf

from plan_toolkit.errors import BadArgument
from plan_toolkit.mistakes import mistakes_of

Tensor = Any
RowFunction = Callable[[Tensor, Tensor], Tensor]

# Keras keeps probabilities this far from 0 and 1 before it takes their logarithm.
_EPSILON = 1e-7


class LossKind(Enum):
    """What the labels are: they decide the accuracy, and how the label's feed is typed by default."""

    SPARSE_CATEGORICAL = "a class number"
    CATEGORICAL = "one value a class"
    BINARY = "0 or 1"
    OTHER = "what the loss takes"

    @property
    def is_classification(self) -> bool:
        return self is not LossKind.OTHER


@dataclass(frozen=True, slots=True)
class Loss:
    """`rows(label, prediction)` and `reference` both give float [batch]; `reference` is the author's own, unchanged."""

    kind: LossKind
    from_logits: bool
    rows: RowFunction
    reference: RowFunction
    # Whether a step minimises the sum over the batch rather than the mean.
    summed: bool = False

    def total(self, rows: Tensor) -> Tensor:
        return tf.reduce_sum(rows) if self.summed else tf.reduce_mean(rows)

    def probabilities(self, logits: Tensor) -> Tensor:
        return tf.sigmoid(logits) if self.kind is LossKind.BINARY else tf.nn.softmax(logits)

    def accuracy(self, label: Tensor, prediction: Tensor) -> Tensor:
        """1 for a right row and 0 for a wrong one, float [batch]. Only where `kind.is_classification`."""
        match self.kind:
            case LossKind.SPARSE_CATEGORICAL:
                found = tf.argmax(prediction, axis=-1, output_type=tf.int64)
                right = tf.equal(found, tf.cast(tf.reshape(label, tf.shape(found)), tf.int64))
            case LossKind.CATEGORICAL:
                right = tf.equal(tf.argmax(prediction, axis=-1), tf.argmax(label, axis=-1))
            case LossKind.BINARY:
                threshold = 0.0 if self.from_logits else 0.5
                right = tf.equal(prediction > threshold, _like(label, prediction) > 0.5)
            case LossKind.OTHER:
                raise ValueError("a loss that is not of classification has no accuracy")
        return per_row(tf.cast(right, tf.float32))


def per_row(values: Tensor) -> Tensor:
    """Averages all axes but the first."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank))) if values.shape.rank > 1 else values


_BY_NAME: dict[str, Callable[[], Any]] = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mse": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "mae": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}


def resolve_loss(loss: Any) -> Loss:
    """From a name, a `keras.losses.Loss`, or a callable of (label, prediction) that gives one value a row."""
    if isinstance(loss, str):
        if loss not in _BY_NAME:
            raise BadArgument("loss", f"{loss!r} is unknown; there are {', '.join(_BY_NAME)}")
        loss = _BY_NAME[loss]()
    if isinstance(loss, keras.losses.Loss):
        return _keras_loss(loss)
    if callable(loss):
        return Loss(LossKind.OTHER, False, _checked(_own_rows(loss)), _checked(_own_rows(loss)))
    raise BadArgument("loss", f"must be a name, a keras.losses.Loss or a callable, not {type(loss).__name__}")


def _keras_loss(loss: Any) -> Loss:
    config = loss.get_config() if type(loss).__module__.startswith("keras.") else {}
    summed = getattr(loss, "reduction", None) == "sum"
    from_logits = bool(config.get("from_logits", False))
    smoothing = float(config.get("label_smoothing", 0.0) or 0.0)

    def reference(label: Tensor, prediction: Tensor) -> Tensor:
        return per_row(tf.convert_to_tensor(loss.call(*_with_last_axis(label, prediction))))

    match loss:
        case keras.losses.SparseCategoricalCrossentropy() if config.get("ignore_class") is None:
            rows, kind = _sparse_rows(from_logits), LossKind.SPARSE_CATEGORICAL
        case keras.losses.CategoricalCrossentropy() if config.get("axis", -1) == -1:
            rows, kind = _categorical_rows(from_logits, smoothing), LossKind.CATEGORICAL
        case keras.losses.BinaryCrossentropy() if config.get("axis", -1) == -1:
            rows, kind = _binary_rows(from_logits, smoothing), LossKind.BINARY
        case _:
            rows, kind = reference, LossKind.OTHER
    return Loss(kind, from_logits, _checked(rows), _checked(reference), summed)


def _with_last_axis(label: Tensor, prediction: Tensor) -> tuple[Tensor, Tensor]:
    """Keras averages the last axis away, which must not be the batch where a row is a single value."""
    if not tf.is_tensor(prediction) or prediction.shape.rank != 1:
        return label, prediction
    return tf.expand_dims(label, 1) if label.shape.rank == 1 else label, tf.expand_dims(prediction, 1)


def _own_rows(loss: Callable[[Tensor, Tensor], Any]) -> RowFunction:
    def rows(label: Tensor, prediction: Tensor) -> Tensor:
        return per_row(tf.cast(tf.convert_to_tensor(loss(label, prediction)), tf.float32))

    return rows


def _checked(rows: RowFunction) -> RowFunction:
    """The same, or BadArgument where it fails on what the model answers, or gives no value for each row."""

    def checked(label: Tensor, prediction: Tensor) -> Tensor:
        answers = " and ".join(f"{tensor.dtype.name} {tensor.shape}" for tensor in tf.nest.flatten(prediction))
        compared = f"labels of {label.dtype.name} {label.shape} and the model's answers of {answers}"
        with mistakes_of("loss", f"fails on {compared} (check the shapes of label_feed and of the model's answer)"):
            values = rows(label, prediction)
        if values.shape.rank == 0:
            raise BadArgument("loss", f"gave one number for {compared}; it must give one for each row of the batch")
        if not values.shape.is_compatible_with(label.shape[:1]):
            raise BadArgument("loss", f"gave values of shape {values.shape} for {compared}; it must give one a row")
        return values

    return checked


def _classes(prediction: Tensor) -> int:
    """How many classes the model tells apart: the extent of its answer's last axis."""
    if prediction.shape.rank < 2 or prediction.shape[-1] is None:
        raise BadArgument(
            "loss", f"needs one value for each class; let the model answer [batch, classes], not {prediction.shape}"
        )
    return int(prediction.shape[-1])


def _logits(prediction: Tensor, from_logits: bool, activation: str) -> Tensor | None:
    """The logits, given or as the input of the model's last operation; Keras looks for them in the same places.

    Probabilities lose their gradient where they round to 0 or 1, logits do not.
    """
    known = getattr(prediction, "_keras_logits", None)
    if known is not None:
        return known
    is_eager = isinstance(prediction, tf.__internal__.EagerTensor)
    if not is_eager and prediction.op.type == activation:
        return prediction.op.inputs[0]
    return prediction if from_logits else None


def _clipped(probabilities: Tensor) -> Tensor:
    return tf.clip_by_value(probabilities, _EPSILON, 1 - _EPSILON)


def _sparse_rows(from_logits: bool) -> RowFunction:
    def rows(label: Tensor, prediction: Tensor) -> Tensor:
        classes = _classes(prediction)
        wanted = tf.one_hot(tf.reshape(label, tf.shape(prediction)[:-1]), classes, dtype=prediction.dtype)
        logits = _logits(prediction, from_logits, "Softmax")
        if logits is None:
            logits = tf.math.log(_clipped(prediction))
        return per_row(-tf.reduce_sum(wanted * tf.nn.log_softmax(logits), axis=-1))

    return rows


def _categorical_rows(from_logits: bool, smoothing: float) -> RowFunction:
    def rows(label: Tensor, prediction: Tensor) -> Tensor:
        classes = _classes(prediction)
        wanted = tf.cast(label, prediction.dtype)
        if smoothing:
            wanted = wanted * (1 - smoothing) + smoothing / classes
        logits = _logits(prediction, from_logits, "Softmax")
        if logits is not None:
            return per_row(-tf.reduce_sum(wanted * tf.nn.log_softmax(logits), axis=-1))
        shares = prediction / tf.reduce_sum(prediction, axis=-1, keepdims=True)
        return per_row(-tf.reduce_sum(wanted * tf.math.log(_clipped(shares)), axis=-1))

    return rows


def _binary_rows(from_logits: bool, smoothing: float) -> RowFunction:
    def rows(label: Tensor, prediction: Tensor) -> Tensor:
        wanted = _like(label, prediction)
        if smoothing:
            wanted = wanted * (1 - smoothing) + 0.5 * smoothing
        logits = _logits(prediction, from_logits, "Sigmoid")
        if logits is not None:
            return per_row(_logistic(wanted, logits))
        likely = _clipped(prediction)
        return per_row(-(wanted * tf.math.log(likely) + (1 - wanted) * tf.math.log(1 - likely)))

    return rows


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _logistic(wanted: Tensor, logits: Tensor) -> Any:
    """Binary cross-entropy of logits in the form that cannot overflow; its gradient is exact at 0 too."""

    def gradient(upstream: Tensor) -> Any:
        return None, upstream * (tf.sigmoid(logits) - wanted)

    return tf.maximum(logits, 0.0) - logits * wanted + tf.math.log(1 + tf.exp(-tf.abs(logits))), gradient


def _like(label: Tensor, prediction: Tensor) -> Tensor:
    """The label with the prediction's shape and type: a row's one label may come with or without an axis of 1."""
    return tf.cast(tf.reshape(label, tf.shape(prediction)), prediction.dtype)
