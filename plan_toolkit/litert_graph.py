"""From functions to a LiteRT flatbuffer of built-in operations, or a refusal that names the operations in the way."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from plan_toolkit.errors import Operation, OperationUnsupported
from plan_toolkit.mistakes import point_of
from plan_toolkit.relu_repair import repair_relus
from plan_toolkit.signatures import Functions
from plan_toolkit.tensorflow_graph import save_model

# What authors call the operations that stand in the way most often.
_KNOWN_AS = {
    "Erf": "GELU",
    "Erfc": "GELU",
    "StatelessRandomUniformV2": "dropout",
    "StatelessRandomGetKeyCounter": "dropout",
    "StatelessRandomUniform": "dropout",
    "BitwiseXor": "dropout",
    "MaxPoolGrad": "max pooling",
    "AvgPoolGrad": "average pooling",
    "ReluGrad": "ReLU",
    "Conv2DBackpropFilter": "convolution",
    "DepthwiseConv2dNativeBackpropFilter": "depthwise convolution",
    "DepthwiseConv2dNativeBackpropInput": "depthwise convolution",
    "StridedSliceGrad": "slicing",
    "TensorListReserve": "recurrence",
    "While": "recurrence",
}
# The exact GELU is a built-in operation as a whole, yet its gradient needs its parts.
_LACK_ONLY_A_GRADIENT = ("Erf", "Erfc")
_HINTS = {"GELU": "use engine='tensorflow', gelu(approximate=True), or another layer"}


def litert_graph(functions: Functions) -> bytes:
    """A flatbuffer with one signature a function, without Flex or custom operations.

    Raises:
        OperationUnsupported: LiteRT has no such operation, or none for its gradient.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_model(functions, folder)
        repair_relus(Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(functions.by_signature), tags={tf.saved_model.SERVING}
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        try:
            graph: bytes = converter.convert()
        except Exception as error:
            # The converter's own error has no narrower public name, and it raises others too.
            raise refusal(error, functions.by_signature) from error
        return graph


def refusal(error: Exception, functions: Mapping[str, Any]) -> OperationUnsupported:
    """What an error of the converter says about the functions that it was given, by signature."""
    types = _refused_types(str(error))
    found = {kind: _operation(kind, functions) for kind in types}
    operations = sorted(found.values(), key=lambda operation: operation.where == "")
    if not operations:
        return OperationUnsupported([], said=point_of(error))
    return OperationUnsupported(operations, _HINTS.get(operations[0].known_as, ""))


def _refused_types(message: str) -> list[str]:
    """The converter lists them as "Flex ops: A, B" and "Custom ops: C", or names one as 'tf.D' op."""
    listed = [
        name.strip()
        for line in re.findall(r"^(?:Flex|Custom) ops: (.+)$", message, flags=re.MULTILINE)
        for name in line.split(",")
    ]
    single = re.findall(r"'tf\.(\w+)'", message) + re.findall(r"tf\.(\w+)\(tensor<", message)
    return list(dict.fromkeys(name.removeprefix("Flex") for name in (listed or single)))


def _operation(kind: str, functions: Mapping[str, Any]) -> Operation:
    for function in functions.values():
        for op in _operations(function):
            if op.type == kind:
                return describe(op)
    return Operation(kind, _KNOWN_AS.get(kind, kind), "", kind.endswith("Grad"))


def describe(op: Any) -> Operation:
    """An operation of a traced graph in the words of its author: "gradients/mlp/gelu/Erf_grad/mul" is in mlp/gelu."""
    parts = op.name.split("/")
    is_gradient = parts[0].startswith("gradients")
    lacks_gradient = is_gradient or op.type in _LACK_ONLY_A_GRADIENT
    place = [part.removesuffix("_grad") for part in parts[1:-1]] if is_gradient else parts[:-1]
    return Operation(op.type, _KNOWN_AS.get(op.type, op.type), "/".join(place), lacks_gradient)


def _operations(function: Any) -> list[Any]:
    return list(function.graph.get_operations())
