"""Command lines of the project: exit codes, lines said to people, and settings that cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pydantic import ValidationError

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)


def complain(line: str) -> None:
    """Print a line to standard error at once."""
    print(line, file=sys.stderr, flush=True)


def setting_errors(error: ValidationError) -> list[str]:
    """Name each setting that cannot be read, one line each, without its value."""
    return [
        f"setting {'_'.join(['CCL', *(str(part) for part in problem['loc'])]).upper()}: {problem['msg']}"
        for problem in error.errors()
    ]


def exit_code(
    run: Callable[[], int],
    refused: Sequence[type[Exception]],
    failed: Sequence[type[Exception]] = (),
    interrupted: str = "interrupted",
) -> int:
    """Run a command and turn its errors into a message and an exit code.

    Args:
        run: The command; it returns an exit code of its own.
        refused: Errors of arguments, settings and sources: exit code 2.
        failed: Errors of the work itself: exit code 1; they go before ``refused``.
        interrupted: Said when the command is interrupted: exit code 130.
    """
    try:
        return run()
    except ValidationError as error:
        for line in setting_errors(error):
            complain(line)
        return BAD_INPUT
    except KeyboardInterrupt:
        complain(interrupted)
        return INTERRUPTED
    except tuple(failed) as error:
        complain(str(error))
        return FAILED
    except tuple(refused) as error:
        complain(str(error))
        return BAD_INPUT
