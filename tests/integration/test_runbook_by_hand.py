"""What RUNBOOK.md says to type by hand works: its own code blocks, run by bash with the server's real psql."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sql
from runbook import settings
from runbook.schema import verification
from tests.databases import ALL, Database, Templates

pytestmark = pytest.mark.pg("16", "18")

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "RUNBOOK.md").read_text(encoding="utf-8")
NAME = "digitaltwin"
OPTIONS = ("temporary_passwords", "delete", "keep")


def blocks(heading: str) -> list[str]:
    """Return the code blocks below a heading, but for those about the application and our own program."""
    section = RUNBOOK.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^```bash\n(.*?)^```", section, flags=re.M | re.S)
    assert found
    return [block for block in found if not re.search(r"^(docker|git|rollback) ", block, flags=re.M)]


def by_hand(option: str) -> str:
    """Return the procedure by hand with one of the three options."""
    steps = blocks("The program cannot run at all: by hand")
    choices = [step for step in steps if "sql/rollback" in step]
    assert len(choices) == len(OPTIONS)
    chosen = choices[OPTIONS.index(option)]
    return "".join(step for step in steps if step not in choices or step is chosen)


Bash = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def production(templates: Templates) -> Iterator[Database]:
    """A transformed database with the name that the application's has."""
    with templates.copy(forward=ALL) as copy:
        with copy.server.connect() as admin:
            admin.execute(f"ALTER DATABASE {copy.dbname} RENAME TO {NAME}")
        try:
            yield Database(copy.server, NAME)
        finally:
            with copy.server.connect() as admin:
                for name in (NAME, f"{NAME}_rolled_back"):
                    admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def bash(production: Database, tmp_path: Path) -> Bash:
    """Return a function that runs text as an operator would, in a folder with our sql/."""
    (tmp_path / "sql").symlink_to(ROOT / "sql")

    def run(text: str, **more: str) -> subprocess.CompletedProcess[str]:
        path = f"{production.server.folder}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, **production.env, "PATH": path, "PSQLRC": os.devnull, "PAGER": "cat", **more}
        words = ["bash", "-euo", "pipefail", "-c", text]
        return subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)

    return run


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("option", OPTIONS)
def test_the_procedure_by_hand_leads_to_the_end_state(production: Database, bash: Bash, option: str) -> None:
    said = good(bash(by_hand(option)))
    roles = "kb_owner" if option == "keep" else "professional"
    for labels in ("active handed_over closed", "user assistant professional", f"super_admin {roles} end_user"):
        assert labels in " ".join(said.split())
    if option != "keep":
        with production.connect() as conn:
            assert [check for check in verification.standalone(conn, settings.load()) if not check.passed] == []


def test_the_bots_label_and_gemini_go_by_the_environment(production: Database, bash: Bash) -> None:
    options = re.findall(r"`export PGOPTIONS='(-c rollback[^']+)'`", RUNBOOK)
    assert len(options) == 3
    good(bash(by_hand("temporary_passwords"), PGOPTIONS=options[-1]))
    label = "SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = '{}'::regtype"
    assert production.value(label.format("message_sender")) == "user twin professional"
    assert "gemini" not in production.value(label.format("llm_provider"))


def test_by_hand_without_settling_the_users_nothing_changes(production: Database, bash: Bash) -> None:
    before = production.checksums()
    broken = by_hand("temporary_passwords").replace("-f sql/oauth/temporary_passwords.sql", "")
    done = bash(broken)
    assert done.returncode != 0
    assert "without password_hash; nothing was changed" in done.stderr
    assert production.checksums() == before


def test_the_way_back_brings_the_data_from_before(production: Database, bash: Bash) -> None:
    before = production.checksums()
    good(bash(by_hand("delete")))
    assert production.checksums() != before
    with production.connect():  # somebody stayed connected, which would stop the renaming
        steps = blocks("Go back to the data before the rollback")
        good(bash("".join(step for step in steps if "go_back_to_" not in step)))  # by hand there is no snapshot
    assert production.checksums() == before
    kept = Database(production.server, f"{NAME}_rolled_back")
    assert kept.value("SELECT to_regclass('public.digital_twins') IS NOT NULL")


def test_a_closed_fence_is_opened_by_hand(production: Database, bash: Bash) -> None:
    with production.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS false")
    refused = bash("psql -c 'SELECT 1'")
    assert "is not currently accepting connections" in refused.stderr
    good(bash("".join(blocks("The fence is closed and nobody can connect"))))
    assert production.value("SELECT 1") == 1


def test_the_queries_of_the_journal_run(production: Database, bash: Bash) -> None:
    with production.connect() as conn:
        conn.execute(sql.read("journal/schema.sql").encode())
    good(bash("".join(blocks("Where things lie"))))


def test_a_lost_runner_can_be_found(production: Database, bash: Bash) -> None:
    with production.connect() as conn:
        conn.execute("SET application_name = 'rollback'")
        conn.execute(sql.query("lock_runner").encode())
        found = good(bash("".join(blocks("It was killed (kill -9, power, lost connection)"))))
        assert str(conn.info.backend_pid) in found
