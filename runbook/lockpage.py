"""Locks as a part of the plan's and the report's page."""

from collections.abc import Sequence

from runbook import held
from runbook.held import Held
from runbook.page import Block, Table
from runbook.summary import Summary


def report(summary: Summary) -> list[Block]:
    """Lay out the locks of a run: what was held for how long."""
    return measured(held.of(summary.steps)) if summary.changed else []


def measured(locks: Sequence[Held]) -> list[Block]:
    """Lay the locks that were held out, the longest first; tables that were locked together share a line."""
    together: dict[tuple[float, str, str], list[str]] = {}
    for one in locks:
        together.setdefault((one.seconds, one.mode, ", ".join(one.waiting) or "nobody"), []).append(one.table)
    rows = [(", ".join(tables), mode, held.span(took), who) for (took, mode, who), tables in together.items()]
    words = (
        "Measured in this run, from the beginning of the step that took the lock to the end of the commit. Behind the "
        "closed fence there is nobody who could wait; who was seen to wait when a step ended is named."
    )
    return [words, Table(("table", "lock", "held", "waited meanwhile"), rows, right=(2,))] if rows else []
