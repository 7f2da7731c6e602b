"""Problems of the zoo on a GPU where JAX sees one; elsewhere on the processor, which is then said.

    python -m tests.benchmarks.gpu [--case burgers …] [--seeds 0]

Nothing is chosen but the environment: JAX with its CUDA plugin takes the GPU by itself.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from tests.benchmarks.acceptance import CASES, solved
from tests.benchmarks.tables import ROOT, circumstances, write

_ASK = "import jax; d = jax.devices()[0]; print(d.platform, d.device_kind, sep='|')"


def device() -> tuple[str, str]:
    """Platform and kind of JAX's first device, asked in a process that gives its memory back."""
    answer = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    platform, kind = answer.stdout.strip().splitlines()[-1].split("|")
    return platform, kind


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; gates are stated for two processor cores and decide nothing here."""
    names = list(dict.fromkeys(case.name for case in CASES))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=names, default=["burgers", "kovasznay", "wave"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    platform, kind = device()
    gpu = platform == "gpu"
    found = f"Ran on a GPU: {kind}." if gpu else "**No GPU was found: this ran on the processor.**"
    print(found, flush=True)
    measured, _ = solved([case for case in CASES if case.name in chosen.case], chosen.seeds)
    text = f"{found} {circumstances(package_versions(), chosen.seeds)}\n\n{measured}"
    print(f"\n{text}")
    write(ROOT / "docs" / "benchmarks.md", text, "gpu")
    return 0


if __name__ == "__main__":
    sys.exit(main())
