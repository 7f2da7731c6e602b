"""Options by which a domain is cut."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

Subdomains = dict[str, PositiveInt | Annotated[tuple[float, ...], Field(min_length=1)]]
