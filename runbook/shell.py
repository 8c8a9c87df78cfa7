"""The only door to programs. Arguments are lists, never a shell's line; secrets never stand in them."""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sh

from runbook.errors import ProgramFailed, ProgramMissing

ANY = list(range(-64, 256))
"""Every exit status; negative: ended by a signal."""
TAIL = 800
"""How many characters of a program's last words an error message shows."""


def find(program: str) -> Path:
    """Return where ``program`` is. Raises ProgramMissing when it is not on PATH."""
    found = shutil.which(program)
    if found is None:
        raise ProgramMissing(f"The program {program} was not found on PATH.", f"Install {program} or set PATH.")
    return Path(found)


def run(
    *words: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run a program and return what it printed.

    ``env`` is added to this process's environment; ``seconds`` is a time limit; ``on_line`` gets each line of standard
    error as it comes. Raises ProgramMissing, or ProgramFailed with the end of its standard error.
    """
    program, *arguments = [str(word) for word in words]
    heard: list[str] = []

    def hear(line: str) -> None:
        heard.append(line)
        if on_line:
            on_line(line.rstrip("\n"))

    try:
        command = sh.Command(str(find(program)))
        return str(
            command(
                *arguments,
                _cwd=str(cwd) if cwd else None,
                _env={**os.environ, **(env or {})},
                _timeout=seconds,
                _err=hear,
                _tty_out=False,
                _decode_errors="replace",  # names of objects are in the database's encoding
                _return_cmd=False,
            )
        )
    except sh.TimeoutException:
        raise ProgramFailed(f"{program} did not end within {seconds:g} s and was stopped.", exit_code=124) from None
    except sh.ForkException as error:
        said = re.search(r"OSError: (?:\[Errno \d+\] )?(.+)", str(error))
        raise ProgramFailed(f"{program} cannot be started: {said[1] if said else error}", exit_code=126) from None
    except sh.ErrorReturnCode as error:
        printed = bytes(error.stdout).decode(errors="replace")
        raise _failed(program, error.exit_code, "".join(heard), printed) from None


def _failed(program: str, exit_code: int, stderr: str, stdout: str) -> ProgramFailed:
    """Describe a failure by the program's last words; the whole command line stays out of it."""
    words = stderr.strip()[-TAIL:] or "it said nothing"
    problem = f"{Path(program).name} ended with {exit_code}: {words}"
    return ProgramFailed(problem, exit_code=exit_code, stderr=stderr, stdout=stdout)


def pipe(left: Sequence[str | Path], right: Sequence[str | Path], env: Mapping[str, str]) -> str:
    """Run two programs, the second reading what the first writes; return nothing that either printed.

    Raises ProgramMissing, or ProgramFailed with the last words of each that failed.
    """
    heard: tuple[list[str], list[str]] = ([], [])
    common: dict[str, Any] = {"_env": {**os.environ, **env}, "_tty_out": False, "_ok_code": ANY, "_bg_exc": False}
    words = [[str(find(str(side[0]))), *(str(word) for word in side[1:])] for side in (left, right)]
    first = sh.Command(words[0][0])(*words[0][1:], _piped=True, _err=heard[0].append, **common)
    second = sh.Command(words[1][0])(*words[1][1:], _in=first, _err=heard[1].append, _return_cmd=True, **common)
    if second.exit_code and first.process.is_alive():
        with suppress(ProcessLookupError):
            first.process.terminate()  # nobody reads what it writes
    first.wait()
    wrong = [
        _failed(program, code, "".join(said), "").problem
        for (program, *_), code, said in zip(words, (first.exit_code, second.exit_code), heard, strict=True)
        if code
    ]
    if wrong:
        raise ProgramFailed(
            "; ".join(wrong), exit_code=second.exit_code or first.exit_code, stderr="".join(heard[0] + heard[1])
        )
    return ""
