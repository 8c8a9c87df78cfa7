"""What the documents say of incident tooling is so: programs and their options, mappings, words, automations."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from deployments import mapping, registry, trigger
from runbook.request import RollbackRequest
from runbook.safekeeping import wayback
from tests.rules.test_docs import PAGES, ROOT, rows, text

WORDS = re.compile(r"python -m (deployments\.[\w.]+)([^`\n]*)")
USED = sorted({found.groups() for page in PAGES for found in WORDS.finditer(text(page))})


@pytest.mark.parametrize(("module", "rest"), USED)
def test_each_program_that_is_named_exists_with_its_options(module: str, rest: str) -> None:
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists()
    words = shlex.split(rest, comments=True)
    if module == "deployments.trigger" and words:
        trigger.app.parse_args(words, exit_on_error=False, print_error=False)
    elif module == "deployments.automation":
        assert [Path(word) for word in words if not (ROOT / word).exists()] == []


def test_each_option_of_the_client_that_is_named_exists() -> None:
    alerts = text("README.md").partition("**From an alert.**")[2].partition("**From an event.**")[0]
    alerts += text("deployments/README.md").partition("## Alerts")[2].partition("**An event.**")[0]
    options = {*re.findall(r"`(--[a-z][a-z-]*)", alerts), *re.findall(r" (--[a-z][a-z-]*) ", alerts)}
    known = {name for argument in trigger.app.assemble_argument_collection() for name in argument.names}
    assert {"--mapping", "--key", "--dry-run", "--follow", "--set"} <= options
    assert options <= known


def test_the_table_names_all_mappings() -> None:
    named = [re.sub(r".*/|\.toml`", "", cell) for cell in rows("deployments/README.md", "## Alerts")]
    assert tuple(named) == mapping.SHIPPED


def test_the_short_words_are_those_of_the_mappings() -> None:
    [sentence] = re.findall(r"short words: (.*?) \(", text("deployments/README.md"))
    shown = set(sentence.split(", "))
    assert set(mapping.read("alertmanager").fields["triggers"].values) == shown
    assert set(mapping.read("generic").fields["triggers"].values) == shown
    assert set(mapping.read("pagerduty").fields["triggers"].values) == shown - {"performance"}


@pytest.mark.parametrize(
    "file", sorted((ROOT / "deployments" / "automations").iterdir()), ids=lambda file: str(file.name)
)
def test_an_automation_asks_a_deployment_that_is_registered_for_fields_that_it_has(file: Path) -> None:
    known = {deployment.name for deployment in registry.read()}
    for action in yaml.safe_load(file.read_text())["actions"]:
        if action["type"] == "run-deployment":
            assert action["deployment"] in known
            assert set(action["parameters"]["request"]) <= set(RollbackRequest.model_fields)
    assert f"deployments/automations/{file.name}" in text("deployments/README.md")


def test_the_runbook_restores_by_the_very_lines_that_a_report_prints() -> None:
    assert "```bash\n" + "\n".join(wayback.restoring()) + "\n```\n" in text("RUNBOOK.md")
