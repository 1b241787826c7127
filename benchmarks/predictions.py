"""What the benchmarks of predictions have in common: the request, and a model that is loaded and warm."""

import hashlib
from pathlib import Path

from benchmarks.samples import Samples
from benchmarks.stand import Stand
from client_lib import PredictorOptions
from client_lib.encoding import encode
from insitu.v1.prediction_pb2 import ModelReference, PredictRequest


def predict_request(app: Stand, inference: Path, samples: Samples) -> bytes:
    """A serialized request with all samples in it, for a plan that the daemon holds and has loaded."""
    app.learning.get_predictor_client(PredictorOptions(plan=inference)).load()
    digest = hashlib.sha256(inference.read_bytes()).hexdigest()
    model = ModelReference(plan=f"file:{inference.name}#sha256={digest}")
    return PredictRequest(model=model, examples=map(encode, samples.inputs())).SerializeToString()
