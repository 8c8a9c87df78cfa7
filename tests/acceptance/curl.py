"""The commands with which README.md talks to Prefect's API by curl alone."""

import re

from tests.acceptance.operator import ROOT

HEADING = "## From an incident tool"


def commands() -> dict[str, str]:
    """Return the code blocks of README.md by the first words of their first line."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    blocks = re.findall(r"```bash\n# ([\w ]+)(.*?)```", section, flags=re.S)
    return {name.strip(): f"# {name}{block}" for name, block in blocks}
