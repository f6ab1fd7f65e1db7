# SPDX-License-Identifier: Apache-2.0
"""What the checkers share: which files belong to the project, and C++ without comments and texts."""

import re
import shutil
import subprocess
from pathlib import Path

CPP_SUFFIXES = {".h", ".cpp"}
SOURCE_FOLDERS = ("include", "src", "apps", "tests", "bench", "examples", "tools")

_TOKEN = re.compile(
    r"""
      //[^\n]*
    | /\*.*?\*/
    | \bR"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"
    | "(?:[^"\\\n]|\\.)*"
    | (?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'
    """,
    re.VERBOSE | re.DOTALL,
)
_NOT_NEWLINE = re.compile(r"[^\n]")


def blank_comments_and_texts(code: str) -> str:
    """The same code, line by line, with spaces where comments and literals were."""
    return _TOKEN.sub(lambda match: _NOT_NEWLINE.sub(" ", match.group()), code)


def blank_comments(code: str) -> str:
    """The same code without comments; texts stay, as those of #include lines."""

    def keep_texts(match: re.Match) -> str:
        token = match.group()
        return _NOT_NEWLINE.sub(" ", token) if token.startswith("/") else token

    return _TOKEN.sub(keep_texts, code)


def project_files(root: Path) -> list[Path]:
    """Files that git knows or would add, relative to root; all files where there is no repository."""
    # A container's build may run as another user than the one who cloned.
    command = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "--cached", "--others",
               "--exclude-standard", "--", *SOURCE_FOLDERS]
    if (root / ".git").exists() and shutil.which("git"):
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        files = {Path(name) for name in names.split("\0") if name}
    else:
        files = {path.relative_to(root) for folder in SOURCE_FOLDERS
                 for path in (root / folder).rglob("*")}
    return sorted(path for path in files if (root / path).is_file())


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
