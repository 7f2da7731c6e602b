"""Every comparison with peers, one table after the other, each written into docs/benchmarks.md.

    python -m tests.benchmarks.bench [derivatives] [time_to_error] [compare] …
    python -m tests.benchmarks.bench PART -- ITS ARGUMENTS

Without names all parts are run. Parts take different arguments, so that these go to one. The exit code
is 1 where a gate is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

PARTS = {
    "derivatives": "residual and gradient, per point, against naive nesting and peers",
    "time_to_error": "seconds to DeepXDE's own final error",
    "compare": "solvers of the zoo's problems beside finite elements",
    "features": "random features on smooth Poisson problems, cold and once compiled",
    "decomposition": "solvers with many networks, and the time of a step by their number",
    "simulation": "simulations forward, inverse, controlled, corrected, and the cost of a gradient",
    "variational": "solvers of tested residuals",
    "epochs": "seconds of a step on many cells, beside a loop over them and FastVPINNs",
    "refinement": "cells refined by their residuals against uniform ones on the L",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts asked for; 1 where one of them missed a gate."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    own, extra = given[:end], given[end + 1 :]
    parts = "\n".join(f"  {name:<15}{text}" for name, text in PARTS.items())
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], epilog=f"parts:\n{parts}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("part", nargs="*", help="which parts [default: all]")
    chosen = parser.parse_args(own).part or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if extra and len(chosen) != 1:
        parser.error(f"{' '.join(extra)}: parts take different arguments; name one part before --")
    outcomes = [import_module(f"tests.benchmarks.{name}").main(extra) for name in chosen]
    return max(outcomes)


if __name__ == "__main__":
    sys.exit(main())
