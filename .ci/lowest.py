"""Print the lower bounds of pyproject.toml as exact versions: the oldest environment that must work."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
for requirement in sorted({*project["dependencies"], *project["optional-dependencies"]["test"]}):
    name, bound = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\w.]+)", requirement).groups()
    print(f"{name}=={bound}")
