"""Errors as a person at a terminal should meet them: a few lines, an exit code, no traceback unless asked for."""

from __future__ import annotations

import logging
import os
import select
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from typer import Abort

from stream.config.redaction import redact
from stream.errors import exit_code_of, root_cause

BUG: Final = 1
INTERRUPTED: Final = 130
UNREAD: Final = 141
"""As a shell tells of a process that SIGPIPE ended."""


@contextmanager
def reporting(*, debug: bool = False, in_log: bool = False, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turn an error into a few lines on stderr and an exit code; `debug` adds the traceback.

    `in_log` makes it one event of the log instead, for those who read stderr as JSON. `secrets` are masked by value.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Abort:
        print("headrace: stopped at a question; nothing was done", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains as it exits
            sys.exit(UNREAD)
        if in_log:
            logging.getLogger("headrace").error(explained(error, secrets), exc_info=error if debug else None)
        else:
            trace = "".join(traceback.format_exception(error)) if debug else ""
            print(redact(trace, secrets) + explained(error, secrets), file=sys.stderr)
        sys.exit(exit_code(error))


def _nobody_reads() -> bool:
    """Return whether stdout is a pipe whose reader is gone, as after `headrace plan | head`."""
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    return any(state & select.POLLERR for _, state in asked.poll(0))


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
