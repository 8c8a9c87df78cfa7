"""What the figures were measured on, without saying whose machine it is."""

import os
import platform
import re
from pathlib import Path

from benchmarks.disk import Place
from runbook import shell


def described(place: Place, postgres: Path) -> dict[str, str]:
    """Describe processor, memory, kernel, file system and versions."""
    processor, kilobytes = (
        _found("/proc/cpuinfo", r"model name\s*:\s*(.+)"),
        _found("/proc/meminfo", r"MemTotal:\s*(\d+)"),
    )
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "memory": f"{int(kilobytes) / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "file system": place.kind,
        "PostgreSQL": shell.run(postgres, "--version").split()[-1],
        "Python": platform.python_version(),
    }


def _found(file: str, pattern: str) -> str:
    """Return what the first match of a pattern holds, where this system has such a file."""
    path = Path(file)
    match = re.search(pattern, path.read_text(encoding="utf-8")) if path.exists() else None
    return match[1].strip() if match else "0"
