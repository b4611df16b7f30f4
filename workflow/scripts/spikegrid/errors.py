"""The one exception that users see."""


class InputError(Exception):
    """Something that the user can mend: the message names the key, file or run, and says what was expected."""
