"""A loaded graph as a training loop sees it: the plan's signatures, its state in and out as blobs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from insitu.v1 import plan_pb2
from ml_engines.engine import Arrays, Model, Runner, TensorType
from ml_engines.errors import BadInput, GraphRejected
from ml_engines.parameters import dump_parameters, load_parameters, tensor_types

Array = NDArray[np.generic]


class TrainingModel:
    """The signatures that a plan's training or evaluation instructions name.

    Raises:
        SignatureMissing: the graph lacks one.
        BadInput: a signature takes an input that no feed supplies.
    """

    def __init__(self, model: Model, plan: plan_pb2.Plan) -> None:
        trains = plan.HasField("training")
        instructions = plan.training if trains else plan.evaluation
        names = instructions.signatures
        self._model = model
        self._types = tensor_types(plan.parameters)
        self._fed = [feed.input for feed in instructions.feeds]
        self.metrics: Sequence[str] = [metric.name for metric in instructions.metrics]
        self._set_parameters = model.runner(names.set_parameters or "set_parameters")
        self._state_types: Mapping[str, TensorType] = {}
        if trains:
            self._train, self.train_inputs = self._fed_runner(names.train or "train", "loss")
            self._get_parameters = model.runner(names.get_parameters or "get_parameters")
            self._open_optimizer_state(names)
        if self.metrics:
            self._evaluate, self.evaluate_inputs = self._fed_runner(names.evaluate or "evaluate", *self.metrics)

    def _fed_runner(self, name: str, *outputs: str) -> tuple[Runner, list[str]]:
        runner = self._model.runner(name)
        signature = self._model.signatures()[name]
        for wanted in signature.inputs:
            if wanted not in self._fed:
                raise BadInput(f"signature {name!r} takes the input {wanted!r}, which no feed of the plan supplies")
        for output in outputs:
            if output not in signature.outputs:
                raise GraphRejected(f"signature {name!r} has no output {output!r}, which the plan needs")
        return runner, list(signature.inputs)

    def _open_optimizer_state(self, names: plan_pb2.Signatures) -> None:
        getter = names.get_optimizer_state or "get_optimizer_state"
        # Without a name in the plan the state is optional: plain SGD has none.
        if not names.get_optimizer_state and getter not in self._model.signatures():
            return
        self._get_state = self._model.runner(getter)
        self._set_state = self._model.runner(names.set_optimizer_state or "set_optimizer_state")
        self._state_types = self._model.signatures()[getter].outputs

    @property
    def train_runner(self) -> Runner:
        """The bare `train` signature: one step on a batch, returns its "loss". The loop counts microseconds."""
        return self._train

    def evaluate_rows(self, arrays: Arrays) -> dict[str, Array]:
        """For each metric one value a row."""
        outputs = self._evaluate(arrays)
        rows = len(next(iter(arrays.values())))
        for name in self.metrics:
            if outputs[name].shape != (rows,):
                raise GraphRejected(f"metric {name!r} has the shape {list(outputs[name].shape)}, not one value a row")
        return outputs

    def set_parameters(self, blob: bytes) -> None:
        """Raises BadParameters. The optimizer starts anew."""
        self._set_parameters(load_parameters(blob, self._types))

    def parameters(self) -> bytes:
        return dump_parameters(self._get_parameters({}), self._types)

    def set_optimizer_state(self, blob: bytes) -> None:
        """Raises BadParameters."""
        if self._state_types:
            self._set_state(load_parameters(blob, self._state_types))

    def optimizer_state(self) -> bytes:
        """Empty where the optimizer has none."""
        return dump_parameters(self._get_state({}), self._state_types) if self._state_types else b""

    def are_finite(self, blob: bytes) -> bool:
        """Whether a parameters blob holds no infinity and no NaN."""
        arrays = load_parameters(blob, self._types).values()
        return all(bool(np.isfinite(array).all()) for array in arrays if array.dtype.kind == "f")

    def close(self) -> None:
        self._model.close()
