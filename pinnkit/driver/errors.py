"""How a run may end other than well."""

from __future__ import annotations

from pathlib import Path


class TrainingFailed(RuntimeError):
    """Training ended in NaN or stagnation; the text names cause and remedy, the last good state is kept."""


class ProcessLost(TrainingFailed):
    """Another process of the run is gone; the text says what was saved and how to go on."""

    def __init__(self, problem: str, iterations: int, directory: Path | None, cause: str):
        kept = f"{iterations} iterations are saved" if iterations else "the last checkpoint is kept"
        there = f" in {directory}; start all processes again with --resume" if directory else ""
        super().__init__(
            f"{problem}: another process of this run was lost, and this one stops; {kept}{there}\n"
            f"  ({cause.splitlines()[0]})"
        )


class Interrupted(KeyboardInterrupt):
    """The user stopped the run; the text says what was saved and how to go on."""

    def __init__(self, iterations: int, directory: Path | None):
        self.iterations, self.directory = iterations, directory
        super().__init__(str(self))

    def __str__(self) -> str:
        if self.directory is None:
            return "interrupted; nothing was saved, since no run directory was given (out=…)"
        if not self.iterations:
            return "interrupted before training began; nothing is lost"
        return (
            f"interrupted; {self.iterations} iterations are saved in {self.directory}. "
            f"Go on with the same command and --out {self.directory} --resume"
        )
