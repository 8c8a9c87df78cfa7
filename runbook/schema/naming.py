"""The names of the old release and of the new one: what the rollback renames, in whatever the catalogue says."""

import re

_RENAMES = {"knowledge_bases": "digital_twins", "kb_id": "twin_id"}
RENAMED_TABLES = frozenset({"knowledge_bases"})
_LABELS = {"kb_owner": "professional", "twin": "assistant"}
_RENAMED = re.compile(rf"\b({'|'.join(_RENAMES)})\b")  # "source_kb_id" is another thing, hence whole words
_RELABELLED = re.compile(rf"'({'|'.join(_LABELS)})'")
_SAME_NAME = re.compile(r"\b(\w+) AS \1\b")  # how a view says that a column was renamed under it


def translate(text: str) -> str:
    """Write the old release's names in place of the new ones."""
    return _RENAMED.sub(lambda match: _RENAMES[match[1]], text)


def settled(table: str) -> str:
    """Return what a table is called after the rollback; one that only has a renamed column's name keeps its own."""
    return translate(table) if table in RENAMED_TABLES else table


def old_index(name: str) -> str:
    """Return what the old release calls an index or a constraint."""
    return re.sub(r"(?<![^_])kb(?![^_])", "twin", name.replace("knowledge_bases", "digital_twins"))


def old(definition: str) -> str:
    """Write a definition with the old release's names, and a renamed column of a view as if it had not been."""
    return _SAME_NAME.sub(r"\1", translate(definition))


def relabel(definition: str) -> str:
    """Write a definition with the old release's names and labels."""
    return _RELABELLED.sub(lambda match: f"'{_LABELS[match[1]]}'", translate(definition))
