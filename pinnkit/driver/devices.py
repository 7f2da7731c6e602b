"""The devices and processes that a run was told to use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from ..declare.errors import DeclarationError
from ..solvers import Options

if TYPE_CHECKING:
    from jax.sharding import Mesh

_PATIENCE = 3600  # seconds that a process waits at its end for the leading one, which writes the report
_STATUS = re.compile(r"(UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED): ")


class NumericsSettings(Options):
    """The section ``numerics``: where a run is computed, which changes it by rounding only."""

    devices: PositiveInt | Literal["all"] = 1
    """Devices of each process that points are dealt out over."""
    distributed: bool = False
    """Whether this is one process of several: Slurm, Open MPI or Kubernetes tell which."""


@dataclass(frozen=True)
class Team:
    """The devices of all processes, None where there is but one, and whether this process leads.

    The leading one makes the reference and writes all files.
    """

    mesh: Mesh | None = None
    leads: bool = True


def team_of(settings: NumericsSettings) -> Team:
    """Join the other processes where that is asked for, and line up the devices.

    Raises ``DeclarationError`` where no cluster is found, or there are fewer devices.
    """
    if settings == NumericsSettings():
        return Team()
    import jax
    import numpy as np
    from jax.sharding import Mesh

    from ..training.devices import POINTS

    if settings.distributed:
        _join()
    available = jax.local_devices()
    wanted = len(available) if settings.devices == "all" else settings.devices
    if wanted > len(available):
        raise DeclarationError(
            f"numerics.devices: {wanted} devices are asked for, this process sees {len(available)}",
            expected=f"at most {len(available)}", section="devices",
            mend="take fewer or all; to try several on a processor, set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={wanted}",
        )  # fmt: skip
    chosen = [
        device
        for process in range(jax.process_count())
        for device in [d for d in jax.devices() if d.process_index == process][:wanted]
    ]
    mesh = Mesh(np.array(chosen), (POINTS,)) if len(chosen) > 1 else None
    return Team(mesh, jax.process_index() == 0)


def _join() -> None:
    import jax

    if jax.distributed.is_initialized():
        return
    try:
        jax.distributed.initialize(shutdown_timeout_seconds=_PATIENCE)
    except (ValueError, RuntimeError) as cause:
        raise DeclarationError(
            f"numerics.distributed: the processes of this run do not find each other ({cause})",
            expected="one process of a job that Slurm, Open MPI or Kubernetes has started, and nothing "
            "computed before",
            mend="start it by srun or mpirun, or leave out numerics.distributed", section="distributed",
        ) from cause  # fmt: skip


def is_loss(fault: Exception) -> bool:
    """Whether a computation failed since another process is gone."""
    import jax

    return jax.process_count() > 1 and _STATUS.match(str(fault)) is not None


def among_others() -> bool:
    """Whether other processes wait for this one, which then must not end quietly."""
    import sys

    return "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized()
