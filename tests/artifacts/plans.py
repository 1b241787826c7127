"""Plans with every field set that this release takes, and safetensors blobs written by hand."""

import json
import struct
from collections.abc import Mapping

from insitu.v1 import example_pb2 as ex
from insitu.v1 import plan_pb2 as pb

CONTEXT = {"power": frozenset({"charging", "battery_level"}), "day": frozenset({"hour"})}


def blob(tensors: Mapping[str, tuple[str, list[int], bytes]]) -> bytes:
    """A safetensors file: name to dtype, shape and data."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    return with_header(header, data)


def with_header(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def base() -> pb.Plan:
    """What all plans have in common: a dense layer of three inputs."""
    return pb.Plan(
        name="keyboard/next-word",
        version="1.2.0-rc.1+build.5",
        parent="keyboard/main 7.0.0",
        engine=pb.EngineRequirement(name="litert", version_range=">=2.0,<3"),
        graph=pb.Graph(inline=b"TFL3 graph"),
        parameters=[
            pb.TensorSpec(name="dense/kernel", dtype=ex.DATA_TYPE_FLOAT32, shape=[3, 2]),
            pb.TensorSpec(name="dense/bias", dtype=ex.DATA_TYPE_FLOAT32, shape=[2]),
            pb.TensorSpec(name="count", dtype=ex.DATA_TYPE_INT64, shape=[]),
        ],
        base_parameters=blob(
            {
                "dense/kernel": ("F32", [3, 2], bytes(24)),
                "dense/bias": ("F32", [2], bytes(8)),
                "count": ("I64", [], bytes(8)),
            }
        ),
    )


def feeds() -> list[pb.Feed]:
    return [
        pb.Feed(feature="x", input="x", dtype=ex.DATA_TYPE_FLOAT32, shape=[3]),
        pb.Feed(
            feature="context:power.charging",
            input="charging",
            dtype=ex.DATA_TYPE_FLOAT32,
            default=ex.Feature(float_list=ex.FloatList(value=[0.5])),
        ),
        pb.Feed(
            feature="word",
            input="word",
            dtype=ex.DATA_TYPE_BYTES,
            shape=[2],
            default=ex.Feature(bytes_list=ex.BytesList(value=[b"", b""])),
        ),
    ]


def inference() -> pb.Plan:
    plan = base()
    plan.inference.CopyFrom(
        pb.InferenceInstructions(
            feeds=feeds(),
            signature="infer",
            outputs=["probabilities", "score"],
            context=["power", "day"],
            score_output="score",
            batch_size=1,
            deadline_ms=200,
        )
    )
    return plan


def compare(field: str, operator: pb.Operator, value: float | str | None = None) -> pb.Predicate:
    comparison = pb.Comparison(field=field, operator=operator)
    if isinstance(value, str):
        comparison.text = value
    elif value is not None:
        comparison.number = value
    return pb.Predicate(comparison=comparison)


def all_of(*parts: pb.Predicate) -> pb.Predicate:
    return pb.Predicate(all=pb.PredicateList(predicates=parts))


def any_of(*parts: pb.Predicate) -> pb.Predicate:
    return pb.Predicate(any=pb.PredicateList(predicates=parts))


def negated(part: pb.Predicate) -> pb.Predicate:
    return pb.Predicate(**{"not": part})


def query() -> pb.ExampleQuery:
    return pb.ExampleQuery(
        collection="words",
        where=all_of(
            compare("label", pb.LESS, 5),
            any_of(compare("word", pb.EQUAL, "hello"), compare("context:power.charging", pb.PRESENT)),
            negated(compare("context:power.battery_level", pb.LESS_OR_EQUAL, 0.2)),
        ),
        order=pb.NEWEST_FIRST,
        limit=1000,
        minimum_examples=50,
        maximum_age_s=86_400,
        holdout_share=0.2,
        context=["power"],
    )


def metrics() -> list[pb.Metric]:
    return [
        pb.Metric(name="loss", direction=pb.LOWER_IS_BETTER),
        pb.Metric(name="accuracy", direction=pb.HIGHER_IS_BETTER),
    ]


def training() -> pb.Plan:
    plan = base()
    plan.training.CopyFrom(
        pb.TrainingInstructions(
            query=query(),
            feeds=feeds(),
            batch_size=32,
            epochs=3,
            seed=7,
            signatures=pb.Signatures(train="fit"),
            metrics=metrics(),
            acceptance_gate=pb.AcceptanceGate(metric="loss", minimum_improvement=0.0, minimum_holdout_examples=10),
            start_from=pb.START_FROM_LIVE,
            checkpoint_steps=100,
        )
    )
    return plan


def federated_update() -> pb.FederatedUpdate:
    """Valid by itself; no plan may have one yet."""
    return pb.FederatedUpdate(clipping_norm=1.0, quantisation_bits=16, secure_aggregation=True, noise_multiplier=0.5)


def evaluation() -> pb.Plan:
    plan = base()
    plan.evaluation.CopyFrom(pb.EvaluationInstructions(query=query(), feeds=feeds(), batch_size=32, metrics=metrics()))
    return plan
