"""One face for what authors bring: a Keras 3 model or a `tf.Module`."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from plan_toolkit.errors import BadArgument
from plan_toolkit.instructions import ElementType, Feed, element_type, identifier
from plan_toolkit.mistakes import mistakes_of

Tensor = Any
Arrays = Mapping[str, NDArray[np.generic]]
Forward = Callable[[Mapping[str, Tensor], bool], Tensor | Mapping[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A weight that training changes or keeps, under the name that its plans give it."""

    name: str
    variable: Any
    # What a Keras optimizer takes: the Keras variable where there is one.
    handle: Any
    trainable: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A built model. `forward(inputs by name, training)` runs it on tensors whose first axis is the batch.

    What the author's code raises there is a BadArgument, and so is an answer that has no row for each row of the batch.
    """

    feeds: tuple[Feed, ...]
    parameters: tuple[Parameter, ...]
    # Variables that are no parameters yet change while training, e.g. the seeds of dropout.
    hidden_state: tuple[Any, ...]
    forward: Forward
    # Scalars to be added to the loss of the last `forward`, e.g. of regularizers.
    penalties: Callable[[], Sequence[Tensor]]

    def trainable(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.trainable]

    def values(self) -> dict[str, NDArray[np.generic]]:
        """The present weights by parameter name."""
        return {parameter.name: parameter.variable.numpy() for parameter in self.parameters}

    def assign(self, values: Arrays) -> None:
        for parameter in self.parameters:
            parameter.variable.assign(values[parameter.name])


def adapt(model: Any, feeds: Sequence[Feed]) -> Model:
    """Builds the model where it is not yet. Raises BadArgument for what is neither of the two kinds."""
    names = [feed.input for feed in feeds]
    for name in names:
        if names.count(name) > 1:
            raise BadArgument("feeds", f"two feeds give the input {name!r}")
    if keras.backend.backend() != "tensorflow":
        raise BadArgument("model", f"Keras runs on {keras.backend.backend()}; set KERAS_BACKEND=tensorflow")
    if isinstance(model, keras.Model):
        return _keras_model(model, feeds)
    if isinstance(model, tf.Module) and callable(model):
        return _module(model, feeds)
    raise BadArgument("model", f"must be a keras.Model or a callable tf.Module, not {type(model).__name__}")


def _keras_model(model: Any, feeds: Sequence[Feed]) -> Model:
    declared = list(model.inputs) if getattr(model, "inputs", None) else []
    matched = _match(feeds, declared)
    resolved = tuple(
        feed.resolved(_keras_dtype(source), _row_shape(source, feed)) if source is not None else _open(feed)
        for feed, source in matched
    )
    arrange = _arrangement(model, matched)

    def call(inputs: Mapping[str, Tensor], training: bool) -> Any:
        return model(arrange(inputs), training=training)

    forward = _answering(call, resolved, "" if declared else "; one input reaches the model as a tensor")
    if not model.built or not declared:
        forward(zeros(resolved, 1), False)
    weights = {id(variable) for variable in model.weights}
    trainable = {id(variable) for variable in model.trainable_weights}
    names = _distinct(_keras_path(model, variable) for variable in model.weights)
    parameters = [
        Parameter(name, variable.value, variable, id(variable) in trainable)
        for name, variable in zip(names, model.weights, strict=True)
    ]
    return Model(
        resolved,
        _checked(parameters),
        tuple(variable.value for variable in model.variables if id(variable) not in weights),
        forward,
        lambda: list(model.losses),
    )


def _module(module: Any, feeds: Sequence[Feed]) -> Model:
    resolved = tuple(_open(feed) for feed in feeds)
    takes_training = _takes_training(module)

    def call(inputs: Mapping[str, Tensor], training: bool) -> Any:
        arguments = [inputs[feed.input] for feed in resolved]
        return module(*arguments, training=training) if takes_training else module(*arguments)

    forward = _answering(call, resolved, "; a module takes them in this order")
    if not module.variables:
        forward(zeros(resolved, 1), False)
    trainable = {id(variable) for variable in module.trainable_variables}
    names = _distinct(variable.name.split(":")[0] for variable in module.variables)
    parameters = [
        Parameter(name, variable, variable, id(variable) in trainable)
        for name, variable in zip(names, module.variables, strict=True)
    ]
    return Model(resolved, _checked(parameters), (), forward, list)


def _answering(call: Forward, feeds: Sequence[Feed], hint: str) -> Forward:
    """`call` with its control flow converted, and with its failures told to the author."""
    converted = tf.autograph.to_graph(call)
    given = ", ".join(f"{feed.input} of {feed.dtype} {_shown(['batch', *(feed.shape or ())])}" for feed in feeds)

    def answering(inputs: Mapping[str, Tensor], training: bool) -> Any:
        with mistakes_of("model", f"fails on its feeds, {given} (check their shapes and dtypes{hint})"):
            answer = converted(inputs, training)
        batch = inputs[feeds[0].input].shape[0]
        for tensor in tf.nest.flatten(answer):
            _check_answer(tensor, batch)
        return answer

    return answering


def _check_answer(tensor: Any, batch: int | None) -> None:
    if not tf.is_tensor(tensor):
        raise BadArgument("model", f"answers with {type(tensor).__name__}; let it answer with tensors")
    if tensor.shape.rank is None:
        raise BadArgument(
            "model",
            "answers with a tensor of unknown shape; write it with TensorFlow operations that know theirs, as a plan "
            "holds no Python such as py_function",
        )
    if tensor.shape.rank == 0 or (batch is not None and tensor.shape[0] not in (None, batch)):
        raise BadArgument(
            "model",
            f"answers a batch with a tensor of shape {_shown(tensor.shape)}; let its first axis be the batch, "
            "one row for each example",
        )


def _shown(extents: Iterable[int | str | None]) -> str:
    return f"[{', '.join('?' if extent is None else str(extent) for extent in extents)}]"


def _takes_training(module: Any) -> bool:
    call = type(module).__call__
    return "training" in inspect.signature(getattr(call, "python_function", call)).parameters


def zeros(feeds: Iterable[Feed], rows: int) -> dict[str, Tensor]:
    """A batch of zeros for every feed."""
    return {feed.input: tf.zeros((rows, *(feed.shape or ())), tensor_dtype(feed)) for feed in feeds}


def tensor_dtype(feed: Feed) -> Any:
    return tf.string if feed.dtype == "bytes" else tf.as_dtype(feed.dtype)


def _open(feed: Feed) -> Feed:
    return feed.resolved("float32", ())


def _match(feeds: Sequence[Feed], declared: Sequence[Any]) -> list[tuple[Feed, Any]]:
    """Each feed with the declared input that it gives: by name where all names agree, by position otherwise."""
    if not declared:
        return [(feed, None) for feed in feeds]
    if len(feeds) != len(declared):
        wanted = ", ".join(source.name for source in declared)
        raise BadArgument("feeds", f"the model takes {len(declared)} inputs ({wanted}), there are {len(feeds)} feeds")
    by_name = {source.name: source for source in declared}
    if all(feed.input in by_name for feed in feeds):
        return [(feed, by_name[feed.input]) for feed in feeds]
    return list(zip(feeds, declared, strict=True))


def _keras_dtype(source: Any) -> ElementType:
    return "bytes" if source.dtype == "string" else cast(ElementType, source.dtype)


def _row_shape(source: Any, feed: Feed) -> tuple[int, ...]:
    shape = tuple(source.shape)[1:]
    if feed.shape is not None:
        return tuple(feed.shape)
    if any(extent is None for extent in shape):
        raise BadArgument("feeds", f"give the shape of {feed.feature!r}: the model's input leaves {shape} open")
    return shape


def _arrangement(model: Any, matched: Sequence[tuple[Feed, Any]]) -> Callable[[Mapping[str, Tensor]], Any]:
    """From tensors by input name to the structure that the model takes."""
    if len(matched) == 1:
        (only,) = (feed.input for feed, _ in matched)
        return lambda inputs: inputs[only]
    structure = model.input if matched[0][1] is not None else None
    if isinstance(structure, Mapping):
        keys = {id(source): key for key, source in structure.items()}
        pairs = [(keys[id(source)], feed.input) for feed, source in matched]
        return lambda inputs: {key: inputs[name] for key, name in pairs}
    if structure is not None:
        order = {id(source): feed.input for feed, source in matched}
        names = [order[id(source)] for source in model.inputs]
        return lambda inputs: [inputs[name] for name in names]
    return dict


def _keras_path(model: Any, variable: Any) -> str:
    """The variable's path below the model, with the numbers that Keras gave in this process made those of this model.

    Keras counts "dense", "dense_1" on through a whole process. Counted within the model, a parameter has the same name
    each time that the model is made.
    """
    renamed = _renumbered(model)
    parts = variable.path.split("/")
    if len(parts) > 1 and parts[0] == model.name:
        parts = parts[1:]
    return "/".join(renamed.get(part, part) for part in parts)


def _renumbered(model: Any) -> dict[str, str]:
    renamed: dict[str, str] = {}
    seen: dict[str, int] = {}
    for layer in model._flatten_layers(include_self=False):
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", type(layer).__name__).lower()
        if layer.name not in renamed and re.fullmatch(rf"{re.escape(kind)}(_\d+)?", layer.name):
            count = seen.get(kind, 0)
            seen[kind] = count + 1
            renamed[layer.name] = kind if count == 0 else f"{kind}_{count}"
    return renamed


def _distinct(names: Iterable[str]) -> list[str]:
    """Identifiers, in order; a signature's inputs can be nothing else. Repeated ones are numbered."""
    distinct: list[str] = []
    for name in map(identifier, names):
        candidate, count = name, 0
        while candidate in distinct:
            count += 1
            candidate = f"{name}_{count}"
        distinct.append(candidate)
    return distinct


def _checked(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    if not any(parameter.trainable for parameter in parameters):
        raise BadArgument("model", "has no trainable weights")
    for parameter in parameters:
        element_type(parameter.variable.dtype.as_numpy_dtype, f"model: the weight {parameter.name}")
    return tuple(parameters)
