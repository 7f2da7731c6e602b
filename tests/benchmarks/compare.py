"""Tables of ``pinnkit compare``: several solvers and finite elements on problems of the zoo, three seeds.

    python -m tests.benchmarks.compare [--case poisson_modes …] [--seeds 0 1 2]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.benchmarks.tables import ROOT, circumstances, write

# Each problem with the solvers that are run on it beside finite elements.
CASES = {
    "poisson_modes": ("rfm", "pinn", "deepxde"), "kovasznay": ("rfm", "pinn"), "burgers": ("march", "pinn"),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 1 where a run failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    chosen = parser.parse_args(arguments)

    from pinnkit.driver import race
    from pinnkit.report.race import race_markdown
    from pinnkit.solution import package_versions

    texts, failed = [circumstances(package_versions(), chosen.seeds)], False
    for case in chosen.case:
        out = ROOT / "runs" / f"{case}-compared"
        found = race(ROOT / "problems" / f"{case}.yaml", CASES[case], chosen.seeds, out, progress=False)
        failed = failed or any(run.failure for run in found.runs)
        # a heading of the page's own rank
        texts.append(race_markdown(found).replace("# ", "### ", 1).rstrip())
        print(f"{texts[-1]}\n\nfigure: {out / 'comparison.html'}\n", flush=True)
    if len(chosen.case) == len(CASES):
        write(ROOT / "docs" / "benchmarks.md", "\n\n".join(texts), "compare")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
