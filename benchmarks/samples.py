"""What the benchmarks' apps add: handwritten digits, or vectors, as many as are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from client_lib.encoding import encode
from insitu.v1.collection_pb2 import AddRequest

Example = dict[str, Any]

_NOISE = 0.5
_VECTOR = 118
"""Numbers of an example that has 512 bytes when it is serialized."""


@dataclass(frozen=True, slots=True)
class Samples:
    """`pixels` are float32 of shape (n, 64) from 0 to 16, `labels` int64 of shape (n,)."""

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]

    def examples(self) -> list[Example]:
        """As an app hands them to the client library: arrays as they are."""
        return [
            {"pixels": pixels, "label": label} for pixels, label in zip(self.pixels, self.labels.tolist(), strict=True)
        ]

    def inputs(self) -> list[Example]:
        """What a model is asked with."""
        return [{"pixels": pixels} for pixels in self.pixels]

    def save(self, path: Path) -> Path:
        """For reference programs: arrays `pixels` and `label`."""
        np.savez(path, pixels=self.pixels, label=self.labels)
        return path


def samples(count: int) -> Samples:
    """The 1,797 digits of scikit-learn over and over, each time with other noise, so that no two are alike."""
    images, labels = load_digits(return_X_y=True)
    rows = np.arange(count) % len(images)
    random = np.random.default_rng(0)
    pixels = images[rows] + random.uniform(-_NOISE, _NOISE, (count, images.shape[1]))
    return Samples(pixels.clip(0, 16).astype(np.float32), labels[rows].astype(np.int64))


def vectors(count: int) -> list[Example]:
    """Examples of 512 bytes: what a sensor or an embedding yields, and a label."""
    random = np.random.default_rng(0)
    return [{"reading": random.random(_VECTOR, np.float32), "label": number % 10} for number in range(count)]


def save_serialized(examples: Sequence[Example], path: Path) -> Path:
    """For reference programs: an AddRequest with the examples as the client library encodes them."""
    request = AddRequest(examples=map(encode, examples))
    path.write_bytes(request.SerializeToString())
    return path
