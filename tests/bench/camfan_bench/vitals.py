"""Memory and open files of processes over minutes, and whether they stay as they are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from camfan_bench.cpu import open_files, resident_bytes
from camfan_testing.processes import Process

MEGABYTE = 1e6
FLAT_SHARE, FLAT_BYTES = 0.02, 8 * MEGABYTE  # growth that is still flat: the larger of the two


@dataclass(slots=True)
class Vitals:
    """Samples of one process."""

    memory: list[int] = field(default_factory=list)  # bytes
    files: list[int] = field(default_factory=list)

    def growth(self, settled: float) -> tuple[float, int]:
        """Bytes and files, from the third after `settled` (a share of all samples) to the last."""
        first = int(len(self.memory) * settled)
        third = max((len(self.memory) - first) // 3, 1)
        early, late = slice(first, first + third), slice(-third, None)
        memory = statistics.median(self.memory[late]) - statistics.median(self.memory[early])
        return memory, max(self.files[late]) - max(self.files[early])

    def complaint(self, name: str, settled: float) -> str | None:
        """Why this is not flat; None if it is."""
        memory, files = self.growth(settled)
        if memory > max(FLAT_BYTES, FLAT_SHARE * max(self.memory)):
            return f"{name}: memory grew by {memory / MEGABYTE:.1f} MB"
        if files > 0:
            return f"{name}: {files} more files are open"
        return None


def watch(
    processes: Mapping[str, Process],
    seconds: float,
    tell: Callable[[float, Mapping[str, Vitals]], None],
) -> dict[str, Vitals]:
    """Sample each second (more often if it is short); `tell` hears how far it is."""
    found = {name: Vitals() for name in processes}
    begun = time.monotonic()
    step = min(1.0, seconds / 30)
    while (passed := time.monotonic() - begun) < seconds:
        for name, process in processes.items():
            if process.popen.poll() is not None:
                raise RuntimeError(f"{name} has ended:\n{process.output}")
            found[name].memory.append(resident_bytes(process.popen.pid))
            found[name].files.append(open_files(process.popen.pid))
        tell(passed, found)
        time.sleep(step)
    return found
