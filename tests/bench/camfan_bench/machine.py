"""What was measured on, for readers of the numbers elsewhere."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import zmq


def describe_machine() -> dict[str, str]:
    """Words for a table; what the system does not tell is left out."""
    found = {
        "processor": f"{len(os.sched_getaffinity(0))} cores, {_processor()}",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
        "ZeroMQ": f"libzmq {zmq.zmq_version()}, pyzmq {zmq.__version__}",
        "camfan": version("camfan"),
    }
    return {name: words for name, words in found.items() if words}


def _processor() -> str:
    return _line("/proc/cpuinfo", "model name") or _line("/proc/cpuinfo", "Model") or "unknown"


def _memory() -> str:
    kilobytes = _line("/proc/meminfo", "MemTotal").split()
    return f"{int(kilobytes[0]) / 1e6:.0f} GB" if kilobytes else ""


def _line(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
