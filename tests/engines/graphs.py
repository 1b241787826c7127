"""The one model that the contract suites run, in each engine's format: softmax regression by SGD with momentum.

Input "x" float32[batch, 4], "label" int32[batch]; parameters "w" [4, 3] and "b" [3], zero at first; the optimizer's
state "mw" and "mb". `train` and `evaluate` take exactly BATCH rows, `infer` takes any number.
"""

import functools
import io
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insitu.v1 import example_pb2, plan_pb2

FEATURES = 4
CLASSES = 3
BATCH = 8
LEARNING_RATE = 0.1
MOMENTUM = 0.5

PARAMETERS = [
    plan_pb2.TensorSpec(name="w", dtype=example_pb2.DATA_TYPE_FLOAT32, shape=[FEATURES, CLASSES]),
    plan_pb2.TensorSpec(name="b", dtype=example_pb2.DATA_TYPE_FLOAT32, shape=[CLASSES]),
]


class ReferenceModel:
    """The same model in NumPy, float64: what every engine's figures are compared with."""

    def __init__(self) -> None:
        self.w = np.zeros((FEATURES, CLASSES))
        self.b = np.zeros(CLASSES)
        self._mw = np.zeros_like(self.w)
        self._mb = np.zeros_like(self.b)

    def probabilities(self, x: NDArray[Any]) -> NDArray[np.float64]:
        logits = x @ self.w + self.b
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def losses(self, x: NDArray[Any], label: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(-np.log(self.probabilities(x)[np.arange(len(x)), label]))

    def train(self, x: NDArray[Any], label: NDArray[Any]) -> float:
        loss = float(self.losses(x, label).mean())
        gradient = (self.probabilities(x) - np.eye(CLASSES)[label]) / len(x)
        self._mw = MOMENTUM * self._mw + x.T @ gradient
        self._mb = MOMENTUM * self._mb + gradient.sum(axis=0)
        self.w -= LEARNING_RATE * self._mw
        self.b -= LEARNING_RATE * self._mb
        return loss


def _module() -> tuple[Any, dict[str, Any]]:
    import tensorflow as tf

    weights = tf.TensorSpec((FEATURES, CLASSES), tf.float32, name="w")
    bias = tf.TensorSpec((CLASSES,), tf.float32, name="b")
    momenta = [
        tf.TensorSpec((FEATURES, CLASSES), tf.float32, name="mw"),
        tf.TensorSpec((CLASSES,), tf.float32, name="mb"),
    ]
    rows = [tf.TensorSpec((BATCH, FEATURES), tf.float32, name="x"), tf.TensorSpec((BATCH,), tf.int32, name="label")]

    class SoftmaxRegression(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.w, self.mw = (tf.Variable(tf.zeros((FEATURES, CLASSES))) for _ in range(2))
            self.b, self.mb = (tf.Variable(tf.zeros(CLASSES)) for _ in range(2))

        def logits(self, x: Any) -> Any:
            return tf.matmul(x, self.w) + self.b

        @tf.function(input_signature=rows)
        def train(self, x: Any, label: Any) -> Any:
            hot = tf.one_hot(label, CLASSES)
            logits = self.logits(x)
            gradient = (tf.nn.softmax(logits) - hot) / BATCH
            mw = MOMENTUM * self.mw + tf.matmul(x, gradient, transpose_a=True)
            mb = MOMENTUM * self.mb + tf.reduce_sum(gradient, 0)
            self.mw.assign(mw)
            self.mb.assign(mb)
            self.w.assign_sub(LEARNING_RATE * mw)
            self.b.assign_sub(LEARNING_RATE * mb)
            return {"loss": -tf.reduce_mean(tf.reduce_sum(hot * tf.nn.log_softmax(logits), 1))}

        @tf.function(input_signature=[tf.TensorSpec((None, FEATURES), tf.float32, name="x")])
        def infer(self, x: Any) -> Any:
            probabilities = tf.nn.softmax(self.logits(x))
            return {"probabilities": probabilities, "score": probabilities[:, 0]}

        @tf.function(input_signature=rows)
        def evaluate(self, x: Any, label: Any) -> Any:
            logits = self.logits(x)
            right = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), label)
            loss = -tf.reduce_sum(tf.one_hot(label, CLASSES) * tf.nn.log_softmax(logits), 1)
            return {"loss": loss, "accuracy": tf.cast(right, tf.float32)}

        @tf.function(input_signature=[])
        def get_parameters(self) -> Any:
            return {"w": self.w.read_value(), "b": self.b.read_value()}

        @tf.function(input_signature=[weights, bias])
        def set_parameters(self, w: Any, b: Any) -> Any:
            self.w.assign(w)
            self.b.assign(b)
            self.mw.assign(tf.zeros((FEATURES, CLASSES)))
            self.mb.assign(tf.zeros(CLASSES))
            return {"done": tf.constant(True)}

        @tf.function(input_signature=[])
        def get_optimizer_state(self) -> Any:
            return {"mw": self.mw.read_value(), "mb": self.mb.read_value()}

        @tf.function(input_signature=momenta)
        def set_optimizer_state(self, mw: Any, mb: Any) -> Any:
            self.mw.assign(mw)
            self.mb.assign(mb)
            return {"done": tf.constant(True)}

    module = SoftmaxRegression()
    names = ("train", "infer", "evaluate", "get_parameters", "set_parameters")
    names += ("get_optimizer_state", "set_optimizer_state")
    return module, {name: getattr(module, name).get_concrete_function() for name in names}


@functools.cache
def saved_model_zip() -> bytes:
    """The model as the TensorFlow engine takes it."""
    with tempfile.TemporaryDirectory() as folder:
        _save(folder)
        return zip_folder(Path(folder))


@functools.cache
def litert_flatbuffer() -> bytes:
    """The model as the LiteRT engine takes it."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        signatures = _save(folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=signatures)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        return bytes(converter.convert())


@functools.cache
def endless_flatbuffer() -> bytes:
    """A LiteRT graph whose `infer` never returns."""
    import tensorflow as tf

    class Endless(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, FEATURES), tf.float32, name="x")])
        def infer(self, x: Any) -> Any:
            # Depends on the input, so that no converter folds it away.
            (end,) = tf.while_loop(lambda total: total < 1.0, lambda total: (total * 0.5,), (tf.reduce_sum(x) * 0.0,))
            return {"score": x[:, 0] + end}

        @tf.function(
            input_signature=[
                tf.TensorSpec((FEATURES, CLASSES), tf.float32, name="w"),
                tf.TensorSpec((CLASSES,), tf.float32, name="b"),
            ]
        )
        def set_parameters(self, w: Any, b: Any) -> Any:
            return {"done": tf.reduce_sum(w) + tf.reduce_sum(b)}

    module = Endless()
    functions = {name: getattr(module, name).get_concrete_function() for name in ("infer", "set_parameters")}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=functions)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions)).convert())


def _save(folder: str) -> list[str]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    module, signatures = _module()
    tf.saved_model.save(module, folder, signatures=signatures)
    return list(signatures)


def zip_folder(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()
