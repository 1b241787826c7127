"""The functions of a plan's graph: what each signature computes, the same for every engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from plan_toolkit.errors import BadArgument
from plan_toolkit.instructions import Feed, identifier
from plan_toolkit.losses import Loss
from plan_toolkit.mistakes import point_of
from plan_toolkit.models import Model, tensor_dtype
from plan_toolkit.optimizers import Optimizer, StateVariable

Tensor = Any
Outputs = Mapping[str, Tensor]
# Entered around what is differentiated; what it yields is called once the forward pass is there.
Gradients = Callable[[], AbstractContextManager[Callable[[], None]]]

# Operations that find their function in the process which made the graph: py_function and numpy_function.
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


@dataclass(frozen=True, slots=True)
class Answers:
    """How the model's answer becomes the outputs of `infer`: the author's names, and the output that ranks."""

    names: tuple[str, ...] = ()
    score: str = ""
    loss: Loss | None = None

    def __call__(self, prediction: Any) -> dict[str, Tensor]:
        named = self._named(prediction)
        if self.score:
            if self.score not in named:
                raise BadArgument("score_output", f"{self.score!r} is no output; there are {', '.join(named)}")
            score = named[self.score]
            if score.shape[1:].num_elements() != 1:
                raise BadArgument("score_output", f"{self.score!r} has rows of shape {score.shape[1:]}, not one value")
            named[self.score] = tf.reshape(score, [-1])
        # A graph's output must be a tensor of its own: a converter drops names that share one.
        return {name: tf.identity(value) for name, value in named.items()}

    def _named(self, prediction: Any) -> dict[str, Tensor]:
        if isinstance(prediction, Mapping):
            return {identifier(str(name)): value for name, value in prediction.items()}
        if isinstance(prediction, list | tuple):
            names = self.names or tuple(f"output_{index}" for index in range(len(prediction)))
            if len(names) != len(prediction):
                raise BadArgument("outputs", f"names {len(names)} outputs, the model has {len(prediction)}")
            return dict(zip(names, prediction, strict=True))
        if self.loss is None or not self.loss.kind.is_classification:
            return {self._only("predictions"): prediction}
        if not self.loss.from_logits:
            return {self._only("probabilities"): prediction}
        return {self._only("probabilities"): self.loss.probabilities(prediction), "logits": prediction}

    def _only(self, otherwise: str) -> str:
        if len(self.names) > 1:
            raise BadArgument("outputs", f"names {len(self.names)} outputs, the model has 1")
        return self.names[0] if self.names else otherwise


@dataclass(frozen=True, slots=True)
class Functions:
    """Concrete functions by signature, and the variables that they share."""

    by_signature: Mapping[str, Any]
    variables: tuple[Any, ...]


@contextmanager
def _usual_gradients() -> Iterator[Callable[[], None]]:
    yield lambda: None


def inference_functions(model: Model, answers: Answers, batch_size: int | None) -> Functions:
    """infer, get_parameters and set_parameters. `batch_size` None leaves the batch open."""
    functions = {
        "infer": _trace(lambda **inputs: answers(model.forward(inputs, False)), _specs(model.feeds, batch_size)),
        **_parameter_functions(model, ()),
    }
    return Functions(functions, _variables(model, ()))


def training_functions(
    model: Model,
    answers: Answers,
    loss: Loss,
    optimizer: Optimizer,
    label: Feed,
    batch_size: int | None,
    gradients: Gradients = _usual_gradients,
) -> Functions:
    """All signatures of a training plan."""
    specs = _specs(model.feeds, batch_size)
    labelled = {**specs, **_specs((label,), batch_size)}
    functions = {
        "train": _trace(_train_step(model, loss, optimizer, label.input, gradients), labelled),
        "infer": _trace(lambda **inputs: answers(model.forward(inputs, False)), specs),
        "evaluate": _trace(_evaluation(model, loss, label.input), labelled),
        **_parameter_functions(model, optimizer.state),
    }
    if optimizer.state:
        functions.update(_optimizer_functions(optimizer.state))
    return Functions(functions, _variables(model, (optimizer,)))


def _train_step(
    model: Model,
    loss: Loss,
    optimizer: Optimizer,
    label_input: str,
    gradients: Gradients,
) -> Callable[..., Outputs]:
    def train(**inputs: Tensor) -> Outputs:
        label = inputs.pop(label_input)
        with gradients() as all_computed:
            rows = loss.rows(label, single(model.forward(inputs, True)))
            total = loss.total(rows)
            for penalty in model.penalties():
                total += tf.cast(penalty, total.dtype)
            all_computed()
            # Inner functions of the author's are inlined while they are differentiated.
            slopes = _slopes(total, [parameter.variable for parameter in model.trainable()])
        optimizer.apply([_dense(slope) for slope in slopes])
        return {"loss": tf.identity(total)}

    return train


def _slopes(total: Tensor, variables: Sequence[Any]) -> list[Any]:
    try:
        slopes: list[Any] = tf.gradients(total, variables)
    except LookupError as error:
        raise BadArgument("model", f"cannot be trained: {point_of(error)}; replace the operation") from error
    if all(slope is None for slope in slopes):
        raise BadArgument("model", "cannot be trained: no gradient of the loss reaches a trainable weight")
    return slopes


def _dense(slope: Any) -> Any:
    return tf.convert_to_tensor(slope) if isinstance(slope, tf.IndexedSlices) else slope


def _evaluation(model: Model, loss: Loss, label_input: str) -> Callable[..., Outputs]:
    def evaluate(**inputs: Tensor) -> Outputs:
        label = inputs.pop(label_input)
        prediction = single(model.forward(inputs, False))
        outputs = {"loss": tf.cast(loss.rows(label, prediction), tf.float32)}
        if loss.kind.is_classification:
            outputs["accuracy"] = loss.accuracy(label, prediction)
        return outputs

    return evaluate


def single(prediction: Any) -> Any:
    """The loss of a built-in kind takes one tensor; an author's own takes whatever the model answers."""
    return prediction[0] if isinstance(prediction, list | tuple) and len(prediction) == 1 else prediction


def _parameter_functions(model: Model, state: Sequence[StateVariable]) -> dict[str, Any]:
    def get_parameters() -> Outputs:
        return {parameter.name: tf.identity(parameter.variable) for parameter in model.parameters}

    def set_parameters(**values: Tensor) -> Outputs:
        for parameter in model.parameters:
            parameter.variable.assign(values[parameter.name])
        for item in state:
            item.reset()
        return {"done": tf.constant(True)}

    specs = {
        parameter.name: tf.TensorSpec(parameter.variable.shape, parameter.variable.dtype, name=parameter.name)
        for parameter in model.parameters
    }
    return {"get_parameters": _trace(get_parameters, {}), "set_parameters": _trace(set_parameters, specs)}


def _optimizer_functions(state: Sequence[StateVariable]) -> dict[str, Any]:
    def get_optimizer_state() -> Outputs:
        return {item.name: tf.cast(item.variable, item.saved_dtype) for item in state}

    def set_optimizer_state(**values: Tensor) -> Outputs:
        for item in state:
            item.variable.assign(tf.cast(values[item.name], item.variable.dtype))
        return {"done": tf.constant(True)}

    specs = {item.name: tf.TensorSpec(item.variable.shape, item.saved_dtype, name=item.name) for item in state}
    return {
        "get_optimizer_state": _trace(get_optimizer_state, {}),
        "set_optimizer_state": _trace(set_optimizer_state, specs),
    }


def _specs(feeds: Sequence[Feed], batch_size: int | None) -> dict[str, Any]:
    return {
        feed.input: tf.TensorSpec((batch_size, *(feed.shape or ())), tensor_dtype(feed), name=feed.input)
        for feed in feeds
    }


def _trace(function: Callable[..., Outputs], specs: Mapping[str, Any]) -> Any:
    """Our own code is plain Python; the author's has been converted by `models.adapt`."""
    traced = tf.function(function, autograph=False).get_concrete_function(**specs)
    graph = traced.graph.as_graph_def()
    for node in (*graph.node, *(node for inner in graph.library.function for node in inner.node_def)):
        if node.op in _PYTHON:
            raise BadArgument("model", f"calls Python at {node.name}, which a plan cannot hold; use TensorFlow alone")
    return traced


def _variables(model: Model, optimizers: Sequence[Optimizer]) -> tuple[Any, ...]:
    own = [variable.value for optimizer in optimizers for variable in optimizer.keras_optimizer.variables]
    return (*(parameter.variable for parameter in model.parameters), *model.hidden_state, *own)
