"""B5: examples through the client library and the daemon into the sealed store, beside puts into a bare LevelDB.

Both write the same serialized examples of 512 bytes in batches of a thousand, with the same settings of LevelDB. Ours
besides encodes them from NumPy arrays, carries them over the lane, parses, injects two context types, seals, and keeps
the expiry index, counts and receipts.
"""

import time

from benchmarks.lab import Figures, Lab
from benchmarks.program import Program
from benchmarks.rows import Row, at_least
from benchmarks.samples import save_serialized, vectors
from benchmarks.stand import CONTEXT, stand
from client_lib import CollectionOptions

EXAMPLES = 50_000
BATCH = 1000


def run(lab: Lab) -> list[Row]:
    count = lab.effort.count(EXAMPLES, BATCH)
    batch = vectors(BATCH)
    examples = batch * (count // BATCH)
    serialized = save_serialized(batch, lab.folder / "examples.pb")
    with (
        stand(transport="lane") as app,
        Program("plyvel_puts", lab.folder / "leveldb", serialized, count) as reference,
    ):
        digits = app.learning.get_collection_client(CollectionOptions("digits", context=CONTEXT))

        def ours() -> Figures:
            started_s = time.perf_counter()
            stored = digits.add_many(examples).result()
            return {"ours": stored / (time.perf_counter() - started_s)}

        medians = lab.medians("B5 add_many", {"client and daemon": ours, "plyvel": reference.measure})
    what = "add_many, sealed, two context types; raw plyvel batched puts of the same bytes"
    return [Row("B5", what, "examples/s", medians["ours"], medians["reference"], at_least(0.25))]
