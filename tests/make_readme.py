"""Write the tables of README.md that come from the code: python -m tests.make_readme.

A test holds README.md against what this would write.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from benchmarks import study
from benchmarks import table as measured
from benchmarks.figures import Figures
from runbook.request import RollbackRequest
from runbook.settings import Settings

README = Path(__file__).parent.parent / "README.md"
RESULTS = README.parent / "benchmarks" / "results"


def written(text: str) -> str:
    """Return README's text with its tables written anew."""
    for name, rows in (("settings", settings()), ("request", request()), ("benchmark", benchmark())):
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        text = f"{before}<!-- {name} -->\n{rows}<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return text


def benchmark() -> str:
    """Return the table of the outages as they were measured last."""
    return measured.outages(Figures(study.read(RESULTS / "results.json").measurements))


def settings() -> str:
    """Return the table of all settings."""
    rows = [(f"`ROLLBACK_{name.upper()}`", default(field), said(field)) for name, field in fields(Settings)]
    return table(("setting", "default", "what it says"), rows)


def request() -> str:
    """Return the table of what `rollback plan` and `rollback run` are asked."""
    rows = [(f"`--{name.replace('_', '-')}`", default(field), said(field)) for name, field in fields(RollbackRequest)]
    return table(("option", "default", "what it says"), rows)


def fields(model: type[BaseModel]) -> Iterable[tuple[str, FieldInfo]]:
    """Return names and fields in their order."""
    return model.model_fields.items()


def said(field: FieldInfo) -> str:
    """Return a field's description, as a table's cell can hold it."""
    return (field.description or "").replace("|", "\\|")


def default(field: FieldInfo) -> str:
    """Return a field's default as it would be written."""
    if field.is_required():
        return "must be given"
    if field.default_factory and field.default_factory.__name__ == "_now":
        return "now"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = " ".join(value)
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return "not set" if value in (None, "", {}) else f"`{value}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
