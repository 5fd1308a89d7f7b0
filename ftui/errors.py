"""The only exception that a user ever sees."""

EXIT_OK = 0
EXIT_NO = 1
"""The answer is no: findings, does not fit, don't ship, the run failed."""
EXIT_COULD_NOT = 2
"""It could not be done: usage, missing file, missing package."""
EXIT_INTERRUPTED = 130


class FtuiError(Exception):
    """Something that the user can act on.

    title: what went wrong, one clause ("No such dataset").
    message: where, in one sentence (file, line, field).
    hint: what to do next, one sentence; may be empty.
    exit_code: 1 when the answer is no, 2 when it could not be done.
    """

    def __init__(self, title: str, message: str = "", hint: str = "", exit_code: int = EXIT_COULD_NOT) -> None:
        super().__init__(title, message, hint, exit_code)
        self.title = title
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return ": ".join(part for part in (self.title, self.message) if part)
