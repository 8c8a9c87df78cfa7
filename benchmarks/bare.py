"""What the runbook does inside the outage, by psql alone: the same statements and commands, with nothing around them.

What the runbook takes above this is its own overhead: journal, checks, Prefect.
"""

from benchmarks.application import ROOT
from benchmarks.cluster import DATABASE
from benchmarks.hand import ORDER
from benchmarks.scene import Scene

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> current_database()"
COPY = f"CREATE DATABASE {DATABASE}_copy TEMPLATE {DATABASE} STRATEGY FILE_COPY"
FILES = (
    "sql/oauth/temporary_passwords.sql",
    *(f"sql/{kind}/{name}.sql" for name in ORDER for kind in ("rollback", "verify")),
)


def roll_back(scene: Scene) -> None:
    """Take everything back by psql, until the services work again."""
    with scene.part("stop services"):
        scene.application.compose("stop", "backend", "frontend")
    with scene.part("fence"):
        scene.psql("-d", "postgres", "-c", _allow(connections=False), "-c", END)
    with scene.part("back up"):
        scene.psql("-d", "postgres", "-c", COPY, "-c", _allow(connections=True))
    with scene.part("transaction"):
        scene.psql("-1", *(word for name in FILES for word in ("-f", ROOT / name)))
    with scene.part("restore release"):
        scene.git("checkout", "--quiet", "v1")
        scene.application.compose("build")
    with scene.part("open and start"):
        scene.application.compose("up", "-d")
        scene.application.wait()


def _allow(*, connections: bool) -> str:
    return f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS {connections}"
