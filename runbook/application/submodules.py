"""Submodules of a tree: filled with what its commit names, from this machine where the commit is here already."""

import logging
import shlex
from collections.abc import Iterator
from pathlib import Path

from runbook.application import checkout, git
from runbook.errors import ProgramFailed, ReleaseUnusable

LOCAL = ("-c", "protocol.file.allow=always")
"""Lets git clone a submodule from a folder of this machine, which it refuses by itself."""

log = logging.getLogger(__name__)


def fill(tree: Path, other: Path, *, again: bool = False) -> None:
    """Fill the submodules of ``tree``; commits that only ``other``, its other tree, has come from there.

    ``again``: a run that was killed may have been at it, so that what it left is overwritten. Raises ReleaseUnusable
    naming the submodule.
    """
    for name, path in listed(tree):
        wanted = git.ask(tree, "rev-parse", "--verify", "--quiet", f"HEAD:{path}")
        if wanted is None:
            continue
        if _filled(tree / path, wanted):
            log.info("submodule %s: already so, skipped", path)
        else:
            source = _source(tree, other, name, path, wanted)
            if source is None and _unused(tree, other, name, path):
                log.info("submodule %s: not used on this machine, skipped", path)
                continue
            _update(tree, name, path, wanted, source, again=again)
            log.info("submodule %s: at %s", path, wanted)
        fill(tree / path, other / path, again=again)


def listed(tree: Path) -> Iterator[tuple[str, str]]:
    """Yield name and path of each submodule that the checked-out commit declares."""
    if not (tree / ".gitmodules").is_file():
        return
    words = ("config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    for entry in (git.ask(tree, *words) or "").split("\0"):
        key, _, path = entry.partition("\n")
        if path:
            yield key.removeprefix("submodule.").removesuffix(".path"), path


def _filled(place: Path, wanted: str) -> bool:
    return (place / ".git").exists() and git.head(place) == wanted and not git.changed(place, submodules=False)


def _unused(tree: Path, other: Path, name: str, path: str) -> bool:
    """Tell whether nobody uses a submodule on this machine: it was never filled in the tree that runs."""
    if (tree / path / ".git").exists() or git.ask(tree, "config", "--get", f"submodule.{name}.url"):
        return False
    return not other.exists() or (path in dict(_by_path(other)) and not (other / path / ".git").exists())


def _by_path(tree: Path) -> Iterator[tuple[str, str]]:
    return ((path, name) for name, path in listed(tree))


def _source(tree: Path, other: Path, name: str, path: str, wanted: str) -> Path | None:
    """Return a repository of this machine that has the commit; None: it must be fetched."""
    own = git.ask(tree, "rev-parse", "--git-path", f"modules/{name}")
    common = git.ask(tree, "rev-parse", "--git-common-dir")
    places = [tree / own] if own else []
    places += [tree / common / "modules" / name] if common else []
    there = git.ask(other / path, "rev-parse", "--absolute-git-dir") if (other / path / ".git").exists() else None
    places += [Path(there)] if there else []
    has = (place for place in places if place.is_dir() and _has(place, wanted))
    return next(has, None)


def _has(place: Path, wanted: str) -> bool:
    return git.ask(place, "cat-file", "-e", f"{wanted}^{{commit}}") is not None


def _update(tree: Path, name: str, path: str, wanted: str, source: Path | None, *, again: bool) -> None:
    """Check a submodule's commit out. Raises ReleaseUnusable."""
    place = tree / path
    new = not (place / ".git").exists()
    local = (*LOCAL, "-c", f"submodule.{name}.url={source}") if source else ()
    force = ("--force",) if again else ()
    if again and not new:
        checkout.unlock(place)
    try:
        if source and not new and not _has(place, wanted):
            git.run(place, "fetch", "--quiet", str(source), wanted)
        git.run(tree, *local, "submodule", "update", "--quiet", "--init", "--checkout", *force, "--", path)
        if source and new:
            git.ask(tree, "submodule", "sync", "--quiet", "--", path)  # its origin is where everybody fetches from
    except ProgramFailed as error:
        url = git.ask(tree, "config", "--file", ".gitmodules", f"submodule.{name}.url")
        raise ReleaseUnusable(
            f"The submodule {path} could not be filled in {tree} from {url}: {error.problem}",
            f"See that this user can reach it: cd {shlex.quote(str(tree))} && git submodule update --init -- "
            f"{shlex.quote(path)}",
        ) from None
