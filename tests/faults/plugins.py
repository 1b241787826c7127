"""An environment with one plug-in more than the one that the tests run in, which it does not touch."""

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from insitu.v1 import plan_pb2
from tests.artifacts import plans
from tests.children.plans import X
from tests.faults.plans import COLLECTION

ENGINE = Path(__file__).with_name("hostile_engine.py")
_ENTRY_POINTS = "[insitu.engines]\nhostile = hostile_engine:HostileEngine\n"


def environment_with_plugin(folder: Path) -> str:
    """The interpreter of an environment in `folder` that sees all that this one has installed, and the plug-in."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    (own / "hostile_engine.py").write_text(ENGINE.read_text())
    information = own / "hostile_engine-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-engine\nVersion: 1\n")
    (information / "entry_points.txt").write_text(_ENTRY_POINTS)
    # What this process found beside the standard library: site-packages, and what is installed editable.
    places = [sysconfig.get_path("purelib"), *(place for place in sys.path if Path(place, "insitu").is_dir())]
    places += [place for place in sys.path if Path(place, "platform_daemon").is_dir()]
    (own / "installed.pth").write_text("\n".join(dict.fromkeys(str(Path(place).absolute()) for place in places)))
    return str(python)


def hostile_plans(files: list[Path], primary: int) -> dict[str, plan_pb2.Plan]:
    """An inference and a training plan for the hostile engine."""
    graph = json.dumps({"files": [str(file) for file in files], "primary": primary}).encode()
    inference = plan_pb2.Plan(
        name="test/hostile",
        version="1.0.0",
        inference=plan_pb2.InferenceInstructions(feeds=[X], signature="infer", deadline_ms=2000),
    )
    training = plans.training()
    query = training.training.query
    query.collection, query.minimum_examples = COLLECTION, 1
    query.ClearField("where")
    for plan in (inference, training):
        plan.engine.CopyFrom(plan_pb2.EngineRequirement(name="hostile"))
        plan.graph.CopyFrom(plan_pb2.Graph(inline=graph))
    return {"inference": inference, "training": training}
