"""Works around a fault of the LiteRT converter: it loses a ReLU after a product without a bias.

Its pass that turns a fully connected operation with a transposed operand and no bias into a batched product drops the
activation that an earlier pass has fused into it, so that `relu(x @ w)` computes `x @ w` (seen in TensorFlow 2.21). A
leaky ReLU with slope zero is the same function, and nothing fuses it.
"""

from pathlib import Path
from typing import Any

from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2

# What a ReLU may be fused into: these keep it.
_SAFE = ("BiasAdd", "Conv2D", "DepthwiseConv2dNative")
_CEILING = 6.0


def repair_relus(folder: Path) -> None:
    """Rewrites the SavedModel of a folder: ReLU and ReLU6 after anything that is not safe."""
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            _repair(function)
    path.write_bytes(saved.SerializeToString(deterministic=True))


def _repair(function: Any) -> None:
    operations = {node.name: node.op for node in function.node_def}
    for node in list(function.node_def):
        if node.op in ("Relu", "Relu6") and operations.get(node.input[0].split(":", 1)[0]) not in _SAFE:
            if node.op == "Relu6":
                _put_ceiling(function, node)
            node.op = "LeakyRelu"
            node.attr["alpha"].f = 0.0


def _put_ceiling(function: Any, node: Any) -> None:
    """Renames a ReLU6, which is about to become a ReLU, and gives its name to the smaller of its result and six."""
    name, dtype = node.name, node.attr["T"]
    node.name = f"{name}/unbounded"
    six = node_def_pb2.NodeDef(name=f"{name}/ceiling", op="Const", attr={"dtype": dtype})
    six.attr["value"].tensor.dtype = dtype.type
    six.attr["value"].tensor.tensor_shape.SetInParent()
    six.attr["value"].tensor.float_val.append(_CEILING)
    lesser = node_def_pb2.NodeDef(
        name=name, op="Minimum", input=[f"{node.name}:activations:0", f"{six.name}:output:0"], attr={"T": dtype}
    )
    function.node_def.extend([six, lesser])
    for reader in function.node_def:
        reader.input[:] = [_after(name, reference) for reference in reader.input]
    for key in list(function.ret):
        function.ret[key] = _after(name, function.ret[key])


def _after(name: str, reference: str) -> str:
    """What read the ReLU6's result reads that of the minimum, whose output has another name."""
    return f"{name}:z:0" if reference == f"{name}:activations:0" else reference
