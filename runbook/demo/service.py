"""A service of the demo: a small web server that works only on the schema its release was written for.

The backend also writes a message every half second, as users do, so that the demo has somebody to take offline.
"""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

from runbook import database

TWINS = {"v1": "digital_twins", "v2": "knowledge_bases"}
"""The table that tells which schema is there, by release."""

WRITE = (
    "INSERT INTO public.messages (conversation_id, sender, content)"
    " SELECT id, 'user', 'written by the demo''s backend' FROM public.conversations ORDER BY id LIMIT 1"
)


def healthy(name: str, release: str) -> bool:
    """Return whether this release can work on the database as it is."""
    if name != "backend":
        return True
    try:
        with database.connect() as conn:
            row = conn.execute("SELECT to_regclass('public.' || %s) IS NOT NULL", [TWINS[release]]).fetchone()
    except Exception:  # whatever is wrong, the answer is the same: not healthy
        return False
    return bool(row and row[0])


def write() -> None:
    """Write messages for ever, connecting anew when the connection is lost."""
    while True:
        try:
            with psycopg.connect(application_name="demo-backend", autocommit=True) as conn:
                while True:
                    conn.execute(WRITE)
                    time.sleep(0.5)
        except psycopg.Error:
            time.sleep(0.5)


class Page(BaseHTTPRequestHandler):
    """Answers /health, and says which release it is."""

    def do_GET(self) -> None:
        """Answer 200 with the release when healthy, 503 otherwise."""
        name, release = sys.argv[1:3]
        fine = healthy(name, release)
        self.send_response(200 if fine else 503)
        self.end_headers()
        self.wfile.write(f"{name} {release} {'works' if fine else 'does not work on this schema'}\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: the health check asks often."""


def check(name: str, release: str) -> int:
    """Say whether this release can work on the database as it is; the exit status says so too."""
    fine = healthy(name, release)
    print(f"{name} {release}: {'the schema is the one for it' if fine else 'there is no ' + TWINS[release]}")  # noqa: T201
    return 0 if fine else 1


if __name__ == "__main__":
    if sys.argv[3:] == ["check"]:
        sys.exit(check(*sys.argv[1:3]))
    if sys.argv[1] == "backend":
        threading.Thread(target=write, daemon=True).start()
    port = int(os.environ[f"DEMO_{sys.argv[1].upper()}_PORT"])
    ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever()
