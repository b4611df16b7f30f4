"""The documents of the repository: their blocks of code, their headings and their links."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from snakemake_runs import REPOSITORY

DOCUMENTS = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("config/README.md", "envs/README.md", "profiles/slurm/README.md"),
    *sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("docs/**/*.md")),
]
"""Paths of the documents."""

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]+`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document, and the line that it begins on."""

    document: str
    line: int
    language: str
    code: str

    @property
    def file(self) -> str | None:
        """The path that its first line names, as ``# my_grid.yaml``."""
        named = re.match(r"# (\S+\.\w+)\n", self.code)
        return named[1] if named else None

    @property
    def commands(self) -> list[str]:
        """The commands of a console, a line each."""
        return [line for line in self.code.splitlines() if line]


def text_of(document: str) -> str:
    """Return a document as it stands in the repository."""
    return (REPOSITORY / document).read_text(encoding="utf-8")


def blocks_of(document: str) -> list[Block]:
    """Return the fenced blocks of a document in their order."""
    text = text_of(document)
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found[1], found[2]) for found in _FENCED.finditer(text)
    ]


def files_of_blocks(document: str) -> dict[str, str]:
    """Return the files that blocks of a document are, by their paths."""
    return {block.file: block.code for block in blocks_of(document) if block.file}


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write files by their paths below ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def apply_difference(block: Block, folder: Path) -> None:
    """Add the lines of a block ``diff`` behind the one that stands before them, in the file that it names."""
    head, *lines = block.code.splitlines(keepends=True)
    path = folder / head.removeprefix("--- ").strip()
    kept = "".join(line[1:] for line in lines if line[0] == " ")
    text = path.read_text(encoding="utf-8")
    assert text.count(kept) == 1, f"{block.document}, line {block.line}: {kept!r} stands there {text.count(kept)} times"
    path.write_text(text.replace(kept, "".join(line[1:] for line in lines)), encoding="utf-8")


def prose_of(document: str) -> str:
    """Return a document without its fenced blocks."""
    return _FENCED.sub("", text_of(document))


def inline_code_of(document: str) -> list[str]:
    """Return what stands between backticks in the sentences of a document."""
    return [code.strip("`") for code in _INLINE_CODE.findall(prose_of(document))]


def anchors_of(document: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document; the second of a name has ``-1`` behind it."""
    seen, anchors = Counter(), set()
    for heading in re.findall(r"^#+ (.*)$", prose_of(document), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def links_of(document: str) -> list[tuple[str, str]]:
    """Return target and anchor of every link and picture of a document that leads into the repository."""
    text = _INLINE_CODE.sub("", prose_of(document))
    return [(target, anchor) for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text) if "://" not in target]
