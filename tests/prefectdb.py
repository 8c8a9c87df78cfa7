"""Prefect's own database, empty, made once for all tests: a server that finds none takes ten seconds for its tables.

The demo's tests let Prefect make its own, as on a fresh machine.
"""

import fcntl
import os
import shutil
import subprocess
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".pytest_cache"
NAME = "prefect.db"


def lend(home: Path) -> None:
    """Put a copy into a PREFECT_HOME."""
    made = CACHE / f"prefect-{version('prefect')}.db"
    CACHE.mkdir(exist_ok=True)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _make(made)
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(made, home / NAME)


def _make(made: Path) -> None:
    """Let Prefect make it, and take it only when it is whole."""
    program = Path(sysconfig.get_path("scripts")) / "prefect"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with tempfile.TemporaryDirectory(dir=CACHE) as home:
        words = [str(program), "server", "database", "upgrade", "-y"]
        env = {**clean, "PREFECT_HOME": home}
        subprocess.run(words, env=env, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        (Path(home) / NAME).rename(made)
