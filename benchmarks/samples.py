"""What the benchmarks' apps add: handwritten digits, as many as are asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from client_lib.encoding import encode
from insitu.v1.collection_pb2 import AddRequest

_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class Samples:
    """`pixels` are float32 of shape (n, 64) from 0 to 16, `labels` int64 of shape (n,)."""

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]

    def examples(self) -> list[dict[str, Any]]:
        """As an app hands them to the client library: arrays as they are."""
        return [
            {"pixels": pixels, "label": label} for pixels, label in zip(self.pixels, self.labels.tolist(), strict=True)
        ]

    def save(self, path: Path) -> Path:
        """For reference programs: arrays `pixels` and `label`."""
        np.savez(path, pixels=self.pixels, label=self.labels)
        return path

    def save_serialized(self, path: Path) -> Path:
        """For reference programs: an AddRequest with the examples as the client library encodes them."""
        request = AddRequest(examples=map(encode, self.examples()))
        path.write_bytes(request.SerializeToString())
        return path


def samples(count: int) -> Samples:
    """The 1,797 digits of scikit-learn over and over, each time with other noise, so that no two are alike."""
    images, labels = load_digits(return_X_y=True)
    rows = np.arange(count) % len(images)
    random = np.random.default_rng(0)
    pixels = images[rows] + random.uniform(-_NOISE, _NOISE, (count, images.shape[1]))
    return Samples(pixels.clip(0, 16).astype(np.float32), labels[rows].astype(np.int64))
