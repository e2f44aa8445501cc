"""The command line: ``na62sim VERB …``. Verbs parse and call; physics is imported inside a verb.

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from na62sim.cli.memory import check_memory
from na62sim.cli.stopping import stoppable
from na62sim.cli.streams import flush, streams, tell

__all__ = ["main"]

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error is one line on stderr."""
    before, words = sys.argv, list(sys.argv[1:] if argv is None else argv)
    sys.argv = ["na62sim", *words]  # files carry the command, not where the program is installed
    closed = sys.stdout is None
    try:
        with streams():
            if closed:
                return _fail("stdout is closed: there is no place for the result (>/dev/null discards it)", FAILED)
            code = _guarded(words)
            failure = flush()
            if code == DONE and failure is not None:
                quiet = isinstance(failure, BrokenPipeError)  # the reader went away, as in `na62sim info | head`
                code = FAILED if quiet else _fail(f"stdout: {failure.strerror}", FAILED)
    finally:
        sys.argv = before
    return code


def _guarded(words: list[str]) -> int:
    """The exit code of a command, whatever happens to it."""
    try:
        with stoppable():
            if not {"--help", "-h", "--version"} & {*(words or ["-h"])}:
                check_memory()
            code = _run(_join_pairs(words or ["--help"]))
        return _fail("interrupted", INTERRUPTED, "") if code == INTERRUPTED else code
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, "")
    except MemoryError as error:
        return _fail(str(error) or "not enough memory", FAILED)
    except BrokenPipeError:
        return FAILED
    except OSError as error:
        place = error.filename or ("stdout" if flush() else None)
        why = error.strerror or str(error)
        return _fail(f"{place}: {why}" if place else why, FAILED)
    except ValueError as error:
        return _fail(str(error), FAILED if _is_about_a_file(error) else WRONG_USE)
    except SystemExit as stop:  # how tables end whose reader went away
        return stop.code if isinstance(stop.code, int) else FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches a user
        return _fail(f"{type(error).__name__}: {error}", FAILED, "internal error")


@cache
def _parser() -> Any:
    """What parses the words, made once: it takes longer than a short command, and a program may call `main` often."""
    import typer

    from na62sim.cli.app import app

    return typer.main.get_command(app)


def _run(words: list[str]) -> int:
    """Parse and run; the command line's own errors become one line as well."""
    import typer

    try:
        code = _parser().main(words, prog_name="na62sim", standalone_mode=False)
    except _usage_errors() as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "na62sim"
        formatted = getattr(error, "format_message", error.__str__)()  # names the option, too
        message = re.sub(r" \(Possible options: (.*)\)", r"; did you mean \1?", str(formatted)).strip().rstrip(".")
        return _fail(f"{message[:1].lower()}{message[1:]} (see {path} --help)", WRONG_USE)
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else DONE


def _usage_errors() -> tuple[type[Exception], ...]:
    """What typer raises for a command it cannot parse; where the class lives depends on its version."""
    import typer

    return tuple(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError") or (typer.BadParameter,)


def _is_about_a_file(error: ValueError) -> bool:
    """Whether a ValueError says that a file, not a word of the command, is at fault."""
    provenance = sys.modules.get("na62sim.sample.provenance")
    return isinstance(error, UnicodeError) or (provenance is not None and isinstance(error, provenance.SampleError))


def _fail(message: str, code: int, kind: str = "error") -> int:
    line = " ".join(message.split())
    tell(f"{kind}: {line}" if kind else line)
    return code


def _join_pairs(words: list[str]) -> list[str]:
    """Let ``--decay-volume 105 170`` mean ``--decay-volume 105,170``."""
    joined = list(words)
    for k in range(len(joined) - 3, -1, -1):
        if joined[k] == "--decay-volume" and _is_number(joined[k + 1]) and _is_number(joined[k + 2]):
            joined[k + 1 : k + 3] = [f"{joined[k + 1]},{joined[k + 2]}"]
    return joined


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
