"""A checkout in the live tree that can be taken up again where it was killed half way."""

import json
import logging
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runbook.application import git
from runbook.errors import ProgramFailed, ReleaseUnusable

MARK = "rollback-switch"
"""The file in git's folder that says which commit is being left for which, while that goes on."""
WAIT_SECONDS = 60.0
"""How long a git that a killed run left behind may go on."""
POLL_SECONDS = 0.2
ENDS = ("from", "to")
"""How many commits a checkout leaves for one another; more of them: one that was killed came before."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A checkout that was begun and not ended."""

    commits: Sequence[str]
    """Which commits were left for one another, the first one first."""
    changed: Sequence[str]
    """What somebody had changed in the tree before."""


def to(folder: Path, what: str, commit: str) -> str:
    """Check ``what`` out, which is ``commit``; return what is to be known of it. Raises ReleaseUnusable.

    Until ``done`` is called it counts as begun. Where a checkout was killed half way, what it left is overwritten, and
    nothing else.
    """
    former = _begun(folder)
    if former:
        _settle(folder, commit)
    else:
        _free(folder)
    changed = former.changed if former else _changed(folder)
    commits = [*(former.commits if former else [git.head(folder) or commit]), commit]
    _mark(folder, Begun(commits, changed))
    force = ("--force",) if former and not foreign(folder) else ()
    try:
        git.run(folder, "-c", "advice.detachedHead=false", "checkout", "--quiet", *force, what)
        said = ""
    except ProgramFailed as error:
        said = _failed(folder, what, commit, error)
    return said


def done(folder: Path) -> None:
    """Say on the disk that a checkout has ended, with its submodules."""
    _path(folder).unlink(missing_ok=True)


def _failed(folder: Path, what: str, commit: str, error: ProgramFailed) -> str:
    """Say what a failure means where all files are in place all the same. Raises ReleaseUnusable where they are not."""
    if git.head(folder) == commit and not git.changed(folder, submodules=False):
        log.warning("check out %s: all files are in place, and a hook failed: %s", what, error.problem)
        return f"all files are in place, and a hook failed: {error.problem}"
    begun = _begun(folder)
    if begun and len(begun.commits) <= len(ENDS) and not git.locks(folder) and _changed(folder) == begun.changed:
        _path(folder).unlink(missing_ok=True)  # git refused, and touched nothing
    raise ReleaseUnusable(
        f"{what} could not be checked out in {folder}: {error.problem}",
        f"See git status in {folder}, mend it, then take the run up again.",
    ) from None


def begun(folder: Path) -> bool:
    """Tell whether a checkout was begun in a tree and not ended."""
    return _begun(folder) is not None


def foreign(folder: Path) -> Sequence[str]:
    """List the changed paths of a tree that a checkout which was killed half way does not explain."""
    known = _begun(folder)
    if known is None:
        return git.changed(folder)
    explained: set[str] = set()
    for commit in known.commits[1:]:
        words = ("diff", "--name-only", "--no-renames", "-z", known.commits[0], commit)
        explained.update(git.run(folder, *words).split("\0"))
    return [path for path in _changed(folder) if path in known.changed or path not in explained]


def _changed(folder: Path) -> Sequence[str]:
    return git.changed(folder, submodules=False, every=True)


def in_use(folder: Path) -> str | None:
    """Say why git cannot check anything out in a tree; None where it can, or where a killed run is to blame."""
    found = git.locks(folder)
    if not found or _begun(folder) is not None:
        return None
    pids = _working(folder)
    who = (
        f"git works in {folder} (process {', '.join(map(str, pids))})"
        if pids
        else f"a git that was killed left {found[0]}"
    )
    remedy = (
        "Wait until it has ended"
        if pids
        else f"See that no git works there, then remove it: rm {shlex.quote(str(found[0]))}"
    )
    return f"Nothing can be checked out in {folder}: {who}. {remedy}."


def _free(folder: Path) -> None:
    """Raise ReleaseUnusable where somebody else's git works in the tree."""
    due = time.monotonic() + WAIT_SECONDS
    while (why := in_use(folder)) and _working(folder) and time.monotonic() < due:
        time.sleep(POLL_SECONDS)
    if why:
        raise ReleaseUnusable(why, "Then give the same command again.")


def _settle(folder: Path, commit: str) -> None:
    """Wait for the git of a killed run, and remove the locks that it left. Raises ReleaseUnusable while it works."""
    due = time.monotonic() + WAIT_SECONDS
    while pids := _working(folder):
        # It may be in its last hook, with everything done.
        if not git.locks(folder) and git.head(folder) == commit and not git.changed(folder, submodules=False):
            return
        if time.monotonic() > due:
            raise ReleaseUnusable(
                f"git of an earlier run still works in {folder} (process {', '.join(map(str, pids))}).",
                f"End it: kill {' '.join(map(str, pids))}; then give the same command again.",
            )
        time.sleep(POLL_SECONDS)
    unlock(folder)


def unlock(folder: Path) -> None:
    """Remove the locks that a killed git left in a tree."""
    for lock in git.locks(folder):
        log.warning("check out: %s was left by a git that was killed, removed", lock)
        lock.unlink(missing_ok=True)


def _working(folder: Path) -> list[int]:
    """List the processes of git that work in a tree, as far as this machine shows them."""
    found, own = [], folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == "git" and (process / "cwd").readlink().is_relative_to(own):
                found.append(int(process.name))
        except OSError:  # it is gone, or another user's
            continue
    return found


def _path(folder: Path) -> Path:
    return folder / git.run(folder, "rev-parse", "--git-path", MARK).strip()


def _begun(folder: Path) -> Begun | None:
    """Return the checkout that was begun and not ended; None: there is none."""
    path = _path(folder)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Begun([str(one) for one in found["commits"]], [str(one) for one in found["changed"]])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        log.warning("%s cannot be read and is not followed", path)
        return None


def _mark(folder: Path, begun: Begun) -> None:
    """Say on the disk which commits are left for which."""
    path = _path(folder)
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"commits": list(dict.fromkeys(begun.commits)), "changed": list(begun.changed)}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
