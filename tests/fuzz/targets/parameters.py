"""The header of a safetensors blob: what is accepted fills the blob, tensor beside tensor."""

import json
from pathlib import Path

from artifact_manager import ParametersRejected, read_header
from tests.fuzz.target import FuzzTarget


def blob(header: object, size_bytes: int) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(size_bytes)


SEEDS = (
    blob({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"a": "b"}}, 24),
    blob(
        {
            "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            "b": {"dtype": "I64", "shape": [], "data_offsets": [4, 12]},
        },
        12,
    ),
    (100_002).to_bytes(8, "little") + b"[" * 50_001 + b"]" * 50_001,
    (6000).to_bytes(8, "little") + b"9" * 6000,
)


def parse(data: bytes) -> None:
    tensors = read_header(data)
    filled = sum(tensor.end - tensor.start for tensor in tensors.values())
    assert filled == len(data) - 8 - int.from_bytes(data[:8], "little")


def target(folder: Path) -> FuzzTarget:
    words = (b'"dtype"', b'"shape"', b'"data_offsets"', b'"F32"', b"1e999", b"NaN", b"-1", b"[[")
    return FuzzTarget(parse, (ParametersRejected,), SEEDS, words)
