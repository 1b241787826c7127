"""The optimizer's updates as Keras writes them, on variables of its own that a plan saves and restores."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from plan_toolkit.errors import BadArgument
from plan_toolkit.instructions import identifier
from plan_toolkit.models import Model

Tensor = Any


@dataclass(frozen=True, slots=True)
class StateVariable:
    """One variable of the optimizer, or of the model's hidden state, and how a run starts with it."""

    name: str
    variable: Any
    initial: np.ndarray[Any, Any]

    @property
    def saved_dtype(self) -> Any:
        """Saved state knows no unsigned integers: those are kept as the next wider type."""
        return tf.int64 if self.variable.dtype in (tf.uint32, tf.uint64, tf.uint8) else self.variable.dtype

    def reset(self) -> None:
        """In a graph: assigns the initial value. One number stands for a whole array where it can."""
        first = self.initial.flat[0] if self.initial.size else 0
        if np.all(self.initial == first):
            self.variable.assign(tf.fill(self.variable.shape, tf.constant(first, self.variable.dtype)))
        else:
            self.variable.assign(tf.constant(self.initial, self.variable.dtype))


@dataclass(frozen=True, slots=True)
class Optimizer:
    keras_optimizer: Any
    model: Model
    # Empty where the updates remember nothing.
    state: tuple[StateVariable, ...]

    def apply(self, gradients: list[Tensor | None]) -> None:
        """One update. `gradients` are in the order of `model.trainable()`; None leaves its parameter alone."""
        pairs = zip(gradients, self.model.trainable(), strict=True)
        self.keras_optimizer.apply_gradients([(g, parameter.handle) for g, parameter in pairs if g is not None])


def resolve_optimizer(optimizer: Any, model: Model) -> Optimizer:
    """A copy of the author's optimizer, from a name or a `keras.optimizers.Optimizer`, for the model's weights."""
    try:
        chosen = keras.optimizers.get(optimizer)
    except (ValueError, TypeError) as error:
        raise BadArgument("optimizer", f"{optimizer!r} is neither a name that Keras knows nor an optimizer") from error
    copy = type(chosen).from_config(chosen.get_config())
    copy.build([parameter.handle for parameter in model.trainable()])
    return Optimizer(copy, model, (*_state(copy, chosen, model), *_hidden_state(model)))


def _state(optimizer: Any, chosen: Any, model: Model) -> list[StateVariable]:
    rate = optimizer._learning_rate
    remembered = [
        variable
        for variable in optimizer.variables
        if variable is not rate and not (variable is optimizer.iterations and _ignores_iterations(chosen))
    ]
    return [
        StateVariable(_state_name(variable, model), variable.value, np.asarray(variable.value.numpy()))
        for variable in remembered
    ]


def _ignores_iterations(optimizer: Any) -> bool:
    """Plain SGD at a constant rate does the same at every step."""
    schedule = isinstance(optimizer.get_config().get("learning_rate"), dict)
    stateless = type(optimizer) is keras.optimizers.SGD and not optimizer.momentum
    return stateless and not schedule and not optimizer.use_ema and not optimizer.gradient_accumulation_steps


def _state_name(variable: Any, model: Model) -> str:
    """E.g. "dense_kernel_velocity": the parameter by its name in the plan, then what the optimizer keeps of it."""
    name = identifier(variable.path.split("/", 1)[-1])
    for parameter in sorted(model.trainable(), key=lambda p: -len(_reference(p.handle))):
        if name.startswith(f"{_reference(parameter.handle)}_"):
            return parameter.name + name.removeprefix(_reference(parameter.handle))
    return name


def _reference(handle: Any) -> str:
    path = handle.path if hasattr(handle, "path") else handle.name
    return identifier(path.split(":")[0])


def _hidden_state(model: Model) -> list[StateVariable]:
    return [
        StateVariable(f"state_{index}", variable, np.asarray(variable.numpy()))
        for index, variable in enumerate(model.hidden_state)
    ]
