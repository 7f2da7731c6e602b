"""Write the exact versions of the running environment as a constraints file, names and versions only."""

import sys
from importlib.metadata import distributions
from pathlib import Path

TOOLS = {"pinnkit", "pip", "setuptools", "wheel"}

target = Path(__file__).parent / "lock-{}.{}.txt".format(*sys.version_info[:2])
pins = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
lines = [f"{name}=={version}\n" for name, version in sorted(pins.items()) if name not in TOOLS]
target.write_text("".join(lines))
print(target)
