"""A TensorFlow graph that reads and writes what it likes: each signature tries one thing."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.engines.graphs import zip_folder


def prying_zip(read: Mapping[str, Path], write: Mapping[str, Path]) -> bytes:
    """Signatures by name, with the file that each reads or writes; one that reads returns the file's "bytes"."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    def reading(path: Path) -> Callable[[], Any]:
        return lambda: {"bytes": tf.io.decode_raw(tf.io.read_file(os.fspath(path)), tf.uint8)}

    def writing(path: Path) -> Callable[[], Any]:
        def fill() -> Any:
            def one(number: Any) -> Any:
                tf.io.write_file(tf.strings.join([os.fspath(path), tf.strings.as_string(number)]), "x" * 4096)
                return number + 1

            return {"files": tf.while_loop(lambda number: number < 3, one, [0])[0]}

        return fill

    module = tf.Module()
    bodies = {name: reading(path) for name, path in read.items()}
    bodies |= {name: writing(path) for name, path in write.items()}
    signatures = {name: tf.function(body, input_signature=[]) for name, body in bodies.items()}
    module.kept = list(signatures.values())
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        return zip_folder(Path(folder))
