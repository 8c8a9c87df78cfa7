"""The words ``rollback approvers …``: who may authorise a rollback."""

import io

import segno
from cyclopts import App
from rich.console import Console

from runbook import settings
from runbook.approval import approverfile, approvers, onetime
from runbook.approval.answer import Role
from runbook.page import Table
from runbook.telling import screen

app = App(name="approvers", help="Who may authorise a rollback, and the secrets of their one-time codes.")

console = Console()


@app.command
def add(*, name: str, role: Role, contact: str = "") -> int:
    """Add an approver of the target in ROLLBACK_TARGET and show, once, the QR code for their authenticator app.

    A code counts for that target only: who approves for two has an entry, and a key in the app, for each.

    Parameters
    ----------
    name
        The name with which they answer.
    role
        Their role: each role decides what its answer is worth.
    contact
        Where they are asked and reminded: an apprise URL, or mailto:address.
    """
    loaded = settings.load()
    one = approverfile.add(loaded, name, role, contact)
    screen.sentence(
        f"{one.name} ({one.role}) may authorise for {one.target} now; kept in {approvers.place(loaded)}.", console
    )
    show_code(one)
    return 0


def show_code(one: approvers.Approver) -> None:
    """Show an approver's secret, as a QR code and for typing."""
    secret = one.secret.get_secret_value()
    screen.sentence("Scan this with an authenticator app; it is not shown again:", console)
    drawn = io.StringIO()
    segno.make(onetime.uri(secret, one.label), micro=False).terminal(out=drawn, compact=True)
    console.file.write(drawn.getvalue())
    console.print(f"Or type the key: {' '.join(secret[i : i + 4] for i in range(0, len(secret), 4))}", soft_wrap=True)


@app.command(name="list")
def show() -> int:
    """List the approvers of all targets, without their secrets."""
    loaded = settings.load()
    people = approvers.everybody(loaded)
    rows = [(one.name, one.role, one.target or "every one", approvers.shown_contact(one)) for one in people]
    if rows:
        screen.block(Table(("name", "role", "target", "contact"), rows), console)
    else:
        screen.sentence(f"No approver is configured. {approvers.ADD}", console)
    for warning in approvers.warnings(loaded):
        screen.sentence(warning, console)
    return 0


@app.command
def remove(name: str, /) -> int:
    """Remove an approver of the target in ROLLBACK_TARGET: their codes are worth nothing there from now on."""
    gone = approverfile.remove(settings.load(), name)
    where = f"for {gone.target}" if gone.target else "for any target"
    screen.sentence(f"{gone.name} ({gone.role}) may not authorise {where} any more.", console)
    return 0
