"""The only door to git."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from runbook import shell
from runbook.errors import ProgramFailed, ReleaseUnusable

MISLEADING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)
"""Variables that lead git elsewhere than to the folder it is run in, such as a hook leaves behind."""


SECONDS = 300
"""How long one command may take: with its hooks and filters, and what it fetches."""
TIMED_OUT = (124, -9, 137)
"""How ``timeout`` ends where it had to end git."""
SLOW = ("checkout", "worktree", "submodule", "fetch")
SPARE = 10
"""How long git gets to end by itself before it is killed, in s."""


def run(folder: Path, *arguments: str, seconds: int = SECONDS) -> str:
    """Run git in ``folder`` and return what it printed.

    Hooks and filters that outlive the time limit are ended with it. Raises ProgramFailed, or ReleaseUnusable when git
    does not trust the folder's owner.
    """
    unset = [word for name in MISLEADING if name in os.environ for word in ("-u", name)]
    # It ends the whole process group; nobody can be asked for a passphrase meanwhile.
    words = ["env", *unset, "timeout", f"--kill-after={SPARE}", str(seconds), "git"]
    env = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    env |= {} if "GIT_SSH_COMMAND" in os.environ else {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        return shell.run(*words, "-c", "core.quotePath=false", *arguments, cwd=folder, env=env)
    except ProgramFailed as error:
        if "dubious ownership" in error.stderr:
            raise _distrusted(folder) from None
        name = next((word for word in arguments if word in SLOW), arguments[0])
        said = error.stderr.strip()[-shell.TAIL :] or f"it ended with {error.exit_code} and said nothing"
        if error.exit_code in TIMED_OUT:
            said = f"it did not end within {seconds} s and was stopped: it hangs in a hook, a filter or the network"
        raise ProgramFailed(f"git {name}: {said}", exit_code=error.exit_code, stderr=error.stderr) from None


def ask(folder: Path, *arguments: str) -> str | None:
    """Return the one line that git answers; None when it says no."""
    try:
        return run(folder, *arguments).strip()
    except ProgramFailed:
        return None


def commit(folder: Path, tag: str) -> str | None:
    """Return the commit that a tag names; None when there is no such tag."""
    return ask(folder, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}")


def head(folder: Path) -> str | None:
    """Return the commit that is checked out; None when there is none."""
    return ask(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")


def current(folder: Path) -> str:
    """Return what is checked out, so that checking it out again leads back: a branch, a tag, or a commit."""
    return (
        ask(folder, "symbolic-ref", "--short", "--quiet", "HEAD")
        or ask(folder, "describe", "--tags", "--exact-match", "HEAD")
        or head(folder)
        or ""
    )


def changed(folder: Path, *, submodules: bool = True, every: bool = False) -> Sequence[str]:
    """List the paths that differ from what is checked out; what git is told to ignore is not among them.

    ``submodules``: with what changed in those; ``every``: with each file of a folder that git does not know.
    """
    words = ["status", "--porcelain", "-z", "--no-renames", f"--untracked-files={'all' if every else 'normal'}"]
    words += [] if submodules else ["--ignore-submodules=all"]
    found = [line for line in run(folder, *words).split("\0") if line]
    # A submodule that the commit checked out does not have any more stays behind as a folder.
    return [line[3:] for line in found if not (line.startswith("??") and (folder / line[3:] / ".git").is_file())]


def locks(folder: Path) -> Sequence[Path]:
    """List the lock files that forbid git to check anything out in a tree."""
    paths = [ask(folder, "rev-parse", "--git-path", name) for name in ("index.lock", "HEAD.lock")]
    return [folder / path for path in paths if path and (folder / path).exists()]


def newest_tags(folder: Path, number: int) -> Sequence[str]:
    """List the newest tags, newest first."""
    return run(folder, "tag", "--list", "--sort=-creatordate").split()[:number]


def _distrusted(folder: Path) -> ReleaseUnusable:
    """Explain why git works for nobody but the owner of a tree."""
    return ReleaseUnusable(
        f"git refuses to work in {folder}: it belongs to user {folder.stat().st_uid}, and this is {os.geteuid()} "
        "(git calls it dubious ownership).",
        "Run as the tree's owner, or trust it once: git config --global --add safe.directory "
        f"{shlex.quote(str(folder))}",
    )
