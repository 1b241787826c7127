"""From functions to a SavedModel, and to the zip of one that a plan carries."""

import io
import tempfile
import zipfile
from pathlib import Path

import tensorflow as tf

from plan_toolkit.signatures import Functions

# The first moment that a zip can hold: a file's age must not change the plan's bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_model(functions: Functions, folder: str) -> None:
    """Writes a SavedModel with one signature a function.

    Gradients are not saved: what is to be differentiated has been.
    """
    root = tf.Module()
    root.variables_of_plan = list(functions.variables)
    tf.saved_model.save(
        root,
        folder,
        signatures=dict(functions.by_signature),
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )


def tensorflow_graph(functions: Functions) -> bytes:
    """A zip whose root is the SavedModel's folder; the same files give the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(functions, folder)
        return _zipped(Path(folder))


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != "fingerprint.pb":
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
