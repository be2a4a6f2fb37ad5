"""Errors as a person at a terminal should meet them: a few lines, an exit code, no traceback unless asked for."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from stream.config.redaction import redact
from stream.errors import exit_code_of, root_cause

BUG: Final = 1
INTERRUPTED: Final = 130


@contextmanager
def reporting(*, debug: bool = False, in_log: bool = False, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turn an error into a few lines on stderr and an exit code; `debug` adds the traceback.

    `in_log` makes it one event of the log instead, for those who read stderr as JSON. `secrets` are masked by value.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if in_log:
            logging.getLogger("headrace").error(explained(error, secrets), exc_info=error if debug else None)
        else:
            trace = "".join(traceback.format_exception(error)) if debug else ""
            print(redact(trace, secrets) + explained(error, secrets), file=sys.stderr)
        sys.exit(exit_code(error))


def explained(error: BaseException, secrets: Sequence[str] = ()) -> str:
    """Return what happened and what to do, without secrets."""
    if exit_code_of(told := root_cause(error)) is not None:
        return redact(f"headrace: {told}", secrets)
    return redact(
        f"headrace: unexpected {type(told).__name__}: {told}\n"
        "This is a bug in headrace: run again with --debug for the traceback, and report it.",
        secrets,
    )


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error: that of its class, see docs/cli.md; 1 for a bug."""
    code = exit_code_of(root_cause(error))
    return BUG if code is None else code
