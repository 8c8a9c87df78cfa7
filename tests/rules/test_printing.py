"""Texts reach people through one door each, where they are cleaned: no other module writes them by itself."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = [path for room in ("runbook", "flows", "tasks") for path in sorted((ROOT / room).rglob("*.py"))]
PRINTERS = {
    "runbook/telling/screen.py": "it is the door",
    "runbook/telling/terminal.py": "one line, made of what screen cleaned",
    "flows/approvers.py": "the key of the one-time codes, which is shown once",
    "flows/prompting.py": "the plan above the form, cleaned",
}
DEMO = "runbook/demo/"
"""Programs that speak to the runbook, not to people."""


def having(pattern: str) -> dict[str, list[str]]:
    """Return the lines that match, by module."""
    found = {}
    for path in MODULES:
        name = str(path.relative_to(ROOT))
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(pattern, line)]
        if lines and not name.startswith(DEMO):
            found[name] = lines
    return found


def test_one_module_prints_on_a_terminal() -> None:
    assert set(having(r"console\.print\(|\.file\.write\(")) == set(PRINTERS)


def test_machines_get_json_through_the_door_that_masks() -> None:
    assert all("printable.as_json(" in line for lines in having(r"(?<![.\w])print\(").values() for line in lines)


def test_each_artifact_is_made_of_what_was_cleaned() -> None:
    made = having(r"create_table_artifact\(")
    assert made and all("page.cells(" in (ROOT / name).read_text(encoding="utf-8") for name in made)


def test_svg_and_mail_are_written_by_modules_that_clean() -> None:
    for pattern in (r"<text x=", r"EmailMessage\(", r"BEGIN:VCALENDAR", r"body_format="):
        for name in having(pattern):
            assert "printable." in (ROOT / name).read_text(encoding="utf-8"), name


def test_no_health_url_is_shown_as_it_is() -> None:
    shown = having(r"\{[^}]*health_urls\[")
    assert {line.strip() for lines in shown.values() for line in lines} == set()
