"""What a prediction is made of besides its way: the model, the messages; and what sealing costs."""

import os
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from safetensors.numpy import load

from benchmarks.floors.floor import Floor, microseconds
from benchmarks.lab import Effort
from benchmarks.samples import samples
from client_lib.encoding import encode
from insitu.v1.example_pb2 import Example
from insitu.v1.plan_pb2 import Plan

_TIMES = 20_000


def computing(inference: Path, effort: Effort) -> list[Floor]:
    plan = Plan.FromString(inference.read_bytes())
    interpreter = Interpreter(model_content=plan.graph.inline, num_threads=1)
    interpreter.get_signature_runner("set_parameters")(**load(plan.base_parameters))
    infer = interpreter.get_signature_runner("infer")
    (digit,) = samples(1).inputs()
    pixels = digit["pixels"].reshape(1, -1)
    example = encode(digit)
    serialized = example.SerializeToString()
    key, nonce, plain, bound = AESGCM(os.urandom(32)), os.urandom(12), bytes(512), bytes(64)
    return [
        microseconds("one inference, LiteRT's signature runner", lambda: infer(pixels=pixels), _TIMES, effort),
        microseconds("one example of an array of 64 encoded", lambda: encode(digit), _TIMES, effort),
        microseconds("the same serialized", example.SerializeToString, _TIMES, effort),
        microseconds("the same parsed", lambda: Example.FromString(serialized), _TIMES, effort),
        microseconds("512 bytes sealed with AES-256-GCM", lambda: key.encrypt(nonce, plain, bound), _TIMES, effort),
    ]  # fmt: skip
