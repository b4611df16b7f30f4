"""Python files read without running them."""

import ast
from pathlib import Path

from spikegrid.errors import InputError


def syntax_tree(file: Path) -> ast.Module:
    """Return the syntax tree of a Python file. Raises InputError, with the line, when it is no Python."""
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        raise InputError(f"{file}, line {error.lineno}: {error.msg}") from None
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{file}: cannot be read as Python: {error}") from None
