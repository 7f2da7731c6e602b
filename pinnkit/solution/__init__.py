"""Solutions: callable fields with provenance, their files, and the run directory."""

from __future__ import annotations

from .atomic import StorageError, write_text
from .dataset import field_dataset, write_netcdf
from .record import Field, Index, Record, Solution, package_versions
from .run_directory import Checkpoint, RunDirectory, RunDirectoryError

__all__ = [
    "Checkpoint",
    "Field",
    "Index",
    "Record",
    "RunDirectory",
    "RunDirectoryError",
    "Solution",
    "StorageError",
    "field_dataset",
    "package_versions",
    "write_netcdf",
    "write_text",
]
