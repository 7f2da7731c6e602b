"""Points dealt out over devices: the same numbers to rounding, and checkpoints that know no layout."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def test_one_two_and_four_devices_agree_to_rounding():
    # little is computed and much compiled: compilation without optimising takes half the time
    flags = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
    flags += " --xla_llvm_disable_expensive_passes=true"
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.over_devices"], capture_output=True, text=True, check=False,
        env={**os.environ, "XLA_FLAGS": flags},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 14
    bad = {name: value for name, value in found.items() if not value < 1e-11}
    assert not bad
    assert any(value > 0 for value in found.values())  # they were summed up otherwise
