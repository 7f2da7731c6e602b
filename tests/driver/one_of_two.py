"""One of two processes that solve a problem together; the second ends without a word after its first chunks.

    python -m tests.driver.one_of_two PROBLEM.yaml OUT
"""

from __future__ import annotations

import os
import signal
import sys
from unittest.mock import patch

from pinnkit.cli import main
from pinnkit.training import loop

_ENOUGH = 200


class Callbacks(loop.Callbacks):
    """Saves after every chunk; in the second process the end comes after the second one."""

    def __init__(self, progress, save):
        def told(made):
            progress(made)
            if made.iteration >= _ENOUGH and os.environ["SLURM_PROCID"] == "1":
                os.kill(os.getpid(), signal.SIGKILL)

        super().__init__(told, save, save_seconds=0.0)


if __name__ == "__main__":
    file, out = sys.argv[1:]
    arguments = ["pinnkit", "solve", file, "--out", out, "--set", "numerics.distributed=true"]
    with patch.object(loop, "Callbacks", Callbacks), patch.object(sys, "argv", arguments):
        main()
