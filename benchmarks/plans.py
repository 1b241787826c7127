"""The plans that benchmarks run, authored by the toolkit in a process of its own: TensorFlow stays out of this one."""

import subprocess
import sys
from pathlib import Path


class Plans:
    """Builds a plan when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def inference(self, source: str) -> Path:
        return self._built(source) / f"{source}.infer.plan"

    def training(self, source: str) -> Path:
        return self._built(source) / f"{source}.train.plan"

    def _built(self, source: str) -> Path:
        folder = self._folder / source
        if not folder.exists():
            file = Path(__file__).parent / "plan_sources" / f"{source}.py"
            insitu = Path(sys.executable).with_name("insitu")
            subprocess.run([insitu, "plan", "build", file, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        return folder
