"""The one exception that users see, and others in one line."""


class InputError(Exception):
    """Something that the user can mend: the message names the key, file or run, and says what was expected."""


def in_words(error: BaseException) -> str:
    """Return the kind and the message of an exception, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
