"""From an author's arguments to graphs: what `author` does with TensorFlow at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from plan_toolkit.errors import OperationUnsupported
from plan_toolkit.gradients import built_in_gradients
from plan_toolkit.instructions import Feed
from plan_toolkit.litert_graph import litert_graph
from plan_toolkit.losses import Loss, LossKind, resolve_loss
from plan_toolkit.models import Model, adapt
from plan_toolkit.optimizers import Optimizer, resolve_optimizer
from plan_toolkit.signatures import Answers, inference_functions, training_functions
from plan_toolkit.tensorflow_graph import tensorflow_graph

EngineName = Literal["litert", "tensorflow"]


@dataclass(frozen=True, slots=True)
class EngineGraph:
    engine: EngineName
    graph: bytes
    # Why a preferred engine was not used.
    fallback: OperationUnsupported | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A model with all that its graphs depend on. `batch_size` is that of training."""

    model: Model
    label: Feed
    loss: Loss
    optimizer: Any
    answers: Answers
    batch_size: int
    inference_batch_size: int
    # Rows to try the graphs on, by input; made up where an input is not in it.
    sample: Mapping[str, NDArray[np.generic]]

    def new_optimizer(self) -> Optimizer:
        """A fresh copy of the author's, with nothing to remember."""
        return resolve_optimizer(self.optimizer, self.model)

    def inference_graph(self, engines: Sequence[EngineName]) -> EngineGraph:
        """By the first of `engines` that can. Raises OperationUnsupported where the last cannot."""
        return _first_able(engines, self._inference_graph)

    def training_graph(self, engines: Sequence[EngineName]) -> EngineGraph:
        """As `inference_graph`."""
        return _first_able(engines, self._training_graph)

    def _inference_graph(self, engine: EngineName) -> bytes:
        functions = inference_functions(self.model, self.answers, self.inference_batch_size or None)
        match engine:
            case "litert":
                return litert_graph(functions)
            case "tensorflow":
                return tensorflow_graph(functions)

    def _training_graph(self, engine: EngineName) -> bytes:
        arguments = (self.model, self.answers, self.loss, self.new_optimizer(), self.label)
        match engine:
            case "litert":
                # A fixed batch: gradients of an open one need operations that LiteRT lacks.
                return litert_graph(training_functions(*arguments, self.batch_size, built_in_gradients))
            case "tensorflow":
                return tensorflow_graph(training_functions(*arguments, None))


def make_draft(
    model: Any,
    feeds: Sequence[Feed],
    label: Feed,
    loss: Any,
    optimizer: Any,
    outputs: Sequence[str],
    score_output: str,
    batch_size: int,
    inference_batch_size: int,
    sample: Mapping[str, NDArray[np.generic]],
) -> Draft:
    """Builds the model and checks the arguments against it. Raises BadArgument."""
    resolved = resolve_loss(loss)
    return Draft(
        adapt(model, feeds),
        label.resolved("int64" if resolved.kind is LossKind.SPARSE_CATEGORICAL else "float32", ()),
        resolved,
        optimizer,
        Answers(tuple(outputs), score_output, resolved),
        batch_size,
        inference_batch_size,
        sample,
    )


def _first_able(engines: Sequence[EngineName], make: Any) -> EngineGraph:
    *preferred, last = engines
    fallback: OperationUnsupported | None = None
    for engine in preferred:
        try:
            return EngineGraph(engine, make(engine), fallback)
        except OperationUnsupported as refusal:
            fallback = refusal
    return EngineGraph(last, make(last), fallback)
