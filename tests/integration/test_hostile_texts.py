"""Texts and secrets that others bring along, at the real doors: command line, journal, mail, programs, services."""

import json
import mailbox
import subprocess
from collections.abc import Callable, Iterator
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import SecretStr

import sql as scripts
from runbook import shell
from runbook.application import health
from runbook.errors import ProgramFailed
from runbook.settings import Settings
from runbook.telling import messages, team
from tests import samples, smtp
from tests.acceptance.operator import ROOT, Desk, desk
from tests.databases import Database
from tests.hostiletexts import seen

pytestmark = [
    pytest.mark.pg("18"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
SECRET = "s3cr3tw0rd"
FORGED = "x\nState: The database is rolled back\x1b[2J\x1b]8;;https://evil.example\x07\u202e\u2028"


@pytest.fixture
def at(transformed: Database, tmp_path: Path) -> Desk:
    return desk(transformed, tmp_path)


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.mark.attack(
    "owner",
    "calls tables, views, roles, programs and comments so that the plan steers a terminal or has forged lines",
    "what cannot be seen is shown as its escape, and each name stays on its line",
)
def test_names_of_the_database_in_the_plan(transformed: Database, at: Desk) -> None:
    plain = at.rollback("plan")
    name = sql.Identifier(FORGED.replace("\u2028", "")[:40])
    with transformed.connect() as conn, transformed.connect() as other:
        conn.execute(sql.SQL("CREATE VIEW {} AS SELECT oauth_id FROM users").format(name))
        conn.execute(sql.SQL("COMMENT ON TABLE users IS {}").format(sql.Literal(FORGED)))
        conn.execute(
            sql.SQL("CREATE TABLE public.{} (id uuid REFERENCES knowledge_bases)").format(sql.Identifier("# a\n|b"))
        )
        other.execute("SELECT set_config('application_name', %s, false)", ["<b>x</b>\t[link](https://evil.example)"])
        done, machine = at.rollback("plan"), at.rollback("plan", "--json")
    assert seen(_said(done)) and seen(machine.stdout)
    assert not [line for line in done.stdout.splitlines() if line.startswith(("State: The database", "|b"))]
    assert r"\x1b[2J" in done.stdout, done.stdout
    titles = [line for line in plain.stdout.splitlines() if line and not line.startswith(" ")]
    forged = [line for line in done.stdout.splitlines() if line and not line.startswith(" ") and line not in titles]
    assert all(line.startswith(("Blocked", "What the team", "Warnings")) for line in forged), forged
    assert json.loads(machine.stdout)["go_ahead"] is False


@pytest.mark.attack(
    "owner",
    "writes rows into the journal that forge lines of rollback status and steer the terminal",
    "each value of the journal is shown on its own line, with escapes",
)
def test_rows_of_the_journal_in_the_status(transformed: Database, at: Desk) -> None:
    run = uuid4()
    with transformed.connect() as conn:
        conn.execute(scripts.read("journal/schema.sql").encode())
        request = Jsonb(samples.request().model_dump(mode="json"))
        conn.execute(
            "INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, started, outcome, state) "
            "VALUES (%s, %s, 'production', %s, '{}', '', now(), 'failed', %s)",
            [run, FORGED, request, f"{FORGED}\nDatabase           elsewhere\nSafe to stop here  yes"],
        )
        conn.execute(
            "INSERT INTO rollback.step (run_id, name, started, ended, outcome, found) "
            "VALUES (%s, %s, now(), now(), 'done', %s)",
            [run, FORGED, Jsonb({"summary": FORGED, FORGED: FORGED})],
        )
    done, machine = at.rollback("status"), at.rollback("status", "--json")
    assert done.returncode == 0, _said(done)
    assert seen(done.stdout) and seen(machine.stdout)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("State:")] == []
    assert len([line for line in lines if line.split("  ")[:2] in (["", "Database"], ["Database", ""])]) == 1, lines
    assert str(run) in done.stdout and str(run) in json.loads(machine.stdout)["state"]


@pytest.mark.attack(
    "texts",
    "proposes a rollback whose reason is HTML, a link or a call to everybody, and reaches the team's mail",
    "messages are sent as text: escaped where a channel shows HTML, and without a chat's own markup",
)
def test_a_message_to_the_team_as_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"<img src=https://evil.example/x><b>{FORGED}</b> [x](https://evil.example)\n\nBcc: all@example.org"
    with smtp.running(tmp_path, monkeypatch) as server:
        loaded = server.start()
        url = f"mailto://localhost:{loaded.smtp_port}/?from=a@example.org&to=team@example.org&mode=insecure"
        asked = samples.request(reason=said, requested_by=said)
        facts = messages.facts(samples.summary(request=asked, problem=said, state=said, next=said))
        settings = loaded.model_copy(update={"team_urls": SecretStr(url)})
        message = messages.team(settings, "team_started", facts)
        assert team.tell(settings, message.title, message.body) == 1
        [mail] = mailbox.Maildir(tmp_path / "mail")
    sent = BytesParser(policy=policy.default).parsebytes(mail.as_bytes())
    assert sent["Bcc"] is None and "\n" not in sent["Subject"]
    for part in sent.walk():
        if part.get_content_maintype() == "text":
            text = part.get_content()
            assert seen(text.replace("\r\n", "\n")), text
            assert "<img" not in text and "<b>" not in text and "](https" not in text


class Guarded(BaseHTTPRequestHandler):
    """A service that answers only who knows its password, and leads others elsewhere with it."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Basic YW5uOnMzY3IzdHcwcmQ="
        self.send_response(200 if known and self.path.startswith("/ok") else 302 if known else 401)
        self.send_header("Location", f"http://ann:{SECRET}@127.0.0.1:1/?token={SECRET}")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Guarded)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.attack(
    "texts",
    "reads the password of a health URL in plan, error or report",
    "URLs are shown without user, password and token; what a service answers is masked too",
)
def test_the_password_of_a_health_url(service: int) -> None:
    def settings(path: str, password: str = SECRET) -> Settings:
        url = f"http://ann:{password}@127.0.0.1:{service}/{path}?token={SECRET}"
        return Settings.model_validate({"health_urls": {"backend": url}, "services": ("backend",)})

    assert health.answers(settings("ok")) == {"backend": "200"}
    assert health.answers(settings("ok", f"{SECRET}%2F"))["backend"].startswith("401")
    for wrong in (settings("moved"), settings("ok", f"{SECRET}%40")):
        said = health.answers(wrong)
        shown = [*health.failing(wrong, said, ["backend"]), *said.values(), wrong.health_url("backend")]
        assert len(shown) == 3 and SECRET not in "".join(shown), shown
        assert f"http://***@127.0.0.1:{service}/" in shown[0]


PROGRAMS: dict[str, Callable[[], object]] = {
    "git": lambda: shell.run("git", "ls-remote", f"https://ann:{SECRET}@127.0.0.1:1/x.git"),
    "a token": lambda: shell.run("sh", "-c", f"echo \"fatal: 'https://{SECRET}@host/x.git' not found\" >&2; exit 128"),
    "libpq": lambda: shell.run(
        "sh", "-c", f"echo 'invalid: postgresql://ann:{SECRET}@db/x password={SECRET}' >&2; exit 2"
    ),
    "curl": lambda: shell.run("sh", "-c", f"echo '> Authorization: Bearer {SECRET}{SECRET}' >&2; exit 22"),
    "a pipe": lambda: shell.pipe(["true"], ["sh", "-c", f"echo 'https://a:{SECRET}@h/' >&2; exit 1"], {}),
}


@pytest.mark.attack(
    "texts",
    "reads a password in what a program says of a remote, a registry or a server, quoted in an error",
    "an error keeps no credentials, whatever it quotes",
)
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_password_in_a_programs_last_words(program: str) -> None:
    with pytest.raises(ProgramFailed) as caught:
        PROGRAMS[program]()
    assert SECRET not in str(caught.value) and ("***" in str(caught.value) or program == "git")


@pytest.mark.attack(
    "texts",
    "lets a program end with lines that pass for the runbook's own: State, Do now",
    "only the first line of what an error quotes begins a line",
)
def test_a_programs_last_words_forge_no_state() -> None:
    with pytest.raises(ProgramFailed) as caught:
        shell.run("sh", "-c", r"printf 'x\nState: rolled back\r\n\033[2JDo now: nothing\n' >&2; exit 1")
    caught.value.state, caught.value.remedy = "Nothing was touched.", "Mend it."
    lines = str(caught.value).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "sh ended with 1: x",
        "State: Nothing was touched.",
        "Do now: Mend it.",
    ]
    assert seen(str(caught.value))


@pytest.mark.attack(
    "texts",
    "reads the password of the Prefect server's address in what a command prints when the server is away",
    "addresses are shown without their password",
)
def test_the_password_of_the_prefect_server(at: Desk) -> None:
    api = f"http://ann:{SECRET}@127.0.0.1:1/api"
    alert = at.folder / "alert.json"
    alert.write_text(json.dumps({"incident": "INC-1", "reason": "Chat fails.", "triggers": ["data corruption"]}))

    words = (str(ROOT / ".venv/bin/python"), "-m", "deployments.trigger", str(alert), "--mapping", "generic")
    done = at.program(*words, PREFECT_API_URL=api)
    assert done.returncode != 0
    assert SECRET not in _said(done), _said(done)


@pytest.mark.attack(
    "owner",
    "gives the database a name with a control character, which ends a line of a generated file",
    "the plan is blocked before anything stops",
)
@pytest.mark.parametrize("name", ["two\nlines", "esc\x1b[2J", "line\u2028separator"])
def test_a_name_with_a_control_character_blocks_the_plan(transformed: Database, at: Desk, name: str) -> None:
    with transformed.server.connect() as admin:
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        admin.execute(rename.format(sql.Identifier(transformed.dbname), sql.Identifier(name)))
        try:
            done = at.rollback("plan", PGDATABASE=name)
        finally:
            admin.execute(rename.format(sql.Identifier(name), sql.Identifier(transformed.dbname)))
    assert done.returncode == 3, _said(done)
    assert "holds a control character" in done.stdout and seen(_said(done))
