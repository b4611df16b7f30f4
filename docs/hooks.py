"""What mkdocs does beside its own: pages that lie elsewhere in the repository, and links between them all.

On GitHub a page links to files as they lie. On the site, a link to one of PAGES goes to its place there, and a link to
any other file outside of docs/, which the site has not, becomes the text that it stands on.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

PAGES = {
    "README.md": "overview.md",
    "config/README.md": "parameters.md",
    "profiles/slurm/README.md": "slurm.md",
    "envs/README.md": "environments.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Where pages that lie outside of docs/ stand on the site, by their path in the repository."""

_REPOSITORY = Path(__file__).parent.parent
_LIES_AT = {place: path for path, place in PAGES.items()}
_CODE = r"(?P<code>```.*?```|`[^`]*`)"
_LINK = re.compile(_CODE + r"|(?P<image>!?)\[(?P<text>[^]]*)\]\((?P<target>[^)#]*)(?P<anchor>#[^)]*)?\)", re.DOTALL)


def on_files(files, config):
    """Add the pages that lie elsewhere."""
    for path, place in PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(_REPOSITORY / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Let links of a page lead to where their targets stand on the site."""
    folder = posixpath.dirname(_LIES_AT.get(page.file.src_uri, f"docs/{page.file.src_uri}"))

    def moved(link):
        target = link["target"]
        if link["code"] or not target or "://" in target:
            return link[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        place = PAGES.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        if place is None:
            return link["text"]
        return f"{link['image']}[{link['text']}]({place}{link['anchor'] or ''})"

    return _LINK.sub(moved, markdown)
