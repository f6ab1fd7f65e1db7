#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks sizes: functions of at most 60 lines, files of at most 600, at most 40 public headers.

A function's size counts the lines from its name to its closing brace. What is larger must be listed
with its size in tools/size_exceptions.txt, one a line:

    src/sched/worker.cpp            612
    src/sched/worker.cpp:find_work   71

That list may only shrink: what grows fails, and so does an entry that is larger than what it names.
The public headers must be those that cmake/public_headers.cmake lists. What lies in
include/weft/detail/ is listed, too, but is not counted: no user needs to read it.

Usage: check_sizes.py [ROOT]. Prints one line per finding; exit status 1 if there is any.
"""

import ast
import re
import sys
from pathlib import Path

from weft_sources import CPP_SUFFIXES, blank_comments_and_texts, line_of, project_files

FUNCTION_LINES = 60
FILE_LINES = 600
PUBLIC_HEADERS = 40

# Files that people write; generated and third-party data has other endings.
CODE_SUFFIXES = CPP_SUFFIXES | {".S", ".py", ".go", ".js", ".css", ".cmake", ".sh", ""}
EXCEPTIONS = Path("tools/size_exceptions.txt")
HEADER_LIST = Path("cmake/public_headers.cmake")

_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)(?:[^\n]*\\\n)*[^\n]*$", re.MULTILINE)
_BRACE = re.compile(r"[{};]")
_ACCESS = re.compile(r"\b(?:public|private|protected)\s*:(?!:)")
_CONTAINER = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
_SIGNATURE_END = re.compile(
    r"\)\s*(?:(?:const|volatile|noexcept|override|final|try|mutable|&&?)\s*(?:\(\))?\s*)*"
    r"(?:->.*)?$", re.DOTALL)
_INITIALISERS = re.compile(r"\)[\w\s&()]*(?<!:):(?!:)")
_NAME = re.compile(r"((?:[\w~]+\s*::\s*)*(?:operator\s*(?:\(\)|\[\]|[^\s\w(]+|[\w\s]+)|~?\w+))\s*$")
_GO_FUNCTION = re.compile(r"^func\s+(?:\([^)]*\)\s*)?(\w+).*?^}", re.MULTILINE | re.DOTALL)


def without_directives(code: str, first_branch: bool) -> str:
    """Blanks preprocessor lines and, of each #if, all branches but the first (or but the last)."""
    pieces, position, shown = [], 0, [True]
    for match in _DIRECTIVE.finditer(code):
        text = code[position:match.start()]
        pieces.append(text if all(shown) else re.sub(r"[^\n]", " ", text))
        pieces.append(re.sub(r"[^\n]", " ", match[0]))
        position = match.end()
        word = match[1]
        if word in ("if", "ifdef", "ifndef"):
            rest = code[match.end():]
            shown.append(first_branch or not _has_other_branch(rest))
        elif word in ("else", "elif") and len(shown) > 1:
            shown[-1] = not first_branch and not _has_other_branch(code[match.end():])
        elif word == "endif" and len(shown) > 1:
            shown.pop()
    pieces.append(code[position:])
    return "".join(pieces)


def _has_other_branch(rest: str) -> bool:
    """Whether an #else or #elif of the same level comes before the #endif."""
    depth = 0
    for match in _DIRECTIVE.finditer(rest):
        if match[1] in ("if", "ifdef", "ifndef"):
            depth += 1
        elif match[1] == "endif":
            if depth == 0:
                return False
            depth -= 1
        elif match[1] in ("else", "elif") and depth == 0:
            return True
    return False


def _blank_groups(text: str, opening: str, closing: str) -> str:
    """Blanks what stands between brackets, keeping the outermost brackets."""
    result, depth = [], 0
    for character in text:
        if character == closing:
            depth = max(0, depth - 1)
        result.append(character if depth == 0 else " ")
        if character == opening:
            depth += 1
    return "".join(result)


def _without_template(head: str) -> str:
    """Blanks `template <...>` and attributes in front of a declaration."""
    head = re.sub(r"\[\[.*?\]\]", lambda m: " " * len(m[0]), head, flags=re.DOTALL)
    while (match := re.match(r"\s*template\s*<", head)) is not None:
        depth, end = 1, match.end()
        while end < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = " " * end + head[end:]
    return head


def classify(head: str) -> tuple[str, str, int]:
    """What an opening brace after `head` opens: (kind, name, offset of the name in head).

    Kinds: container, function, value (an initialiser), member (one of a constructor's)."""
    head = _without_template(_ACCESS.sub(lambda m: " " * len(m[0]), head))
    flat = _blank_groups(head, "(", ")")
    lambda_start = re.search(r"(\w+)\s*=\s*\[", flat)
    if lambda_start and ")" in flat[lambda_start.end():]:
        return "function", lambda_start[1], lambda_start.start()
    if _CONTAINER.search(flat) and not _SIGNATURE_END.search(flat.rstrip()):
        return "container", "", 0
    if "(" not in flat:
        return ("value" if flat.strip() else "block"), "", 0
    if "=" in re.sub(r"operator\s*[^\s\w(]+", "", flat):
        return "value", "", 0
    if _INITIALISERS.search(flat) and re.search(r"[\w>]\s*$", flat):
        return "member", "", 0
    call = "operator()" in re.sub(r"\s", "", flat.split("(", 2)[0] + "()")
    paren = flat.index("(", flat.index("(") + 1) if call and flat.count("(") > 1 else flat.index("(")
    name = _NAME.search(flat[:paren])
    start = name.start() if name else paren
    word = re.sub(r"\s+", "", name[1]) if name else "?"
    if word.isupper():  # a macro such as TEST(suite, name)
        word += re.sub(r"\s+", "", head[paren:].partition("{")[0])
    return "function", word, start


def _closing(code: str, opening: int) -> int:
    """The offset of the brace that closes the one at `opening`."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


def cpp_functions(code: str):
    """Yields (name, lines) of each function of a C++ file; lambdas count with their function."""
    plain = blank_comments_and_texts(code)
    for first_branch in (True, False):
        yield from _functions_of_branch(without_directives(plain, first_branch))


def _functions_of_branch(plain: str):
    head_start, position = 0, 0
    while (match := _BRACE.search(plain, position)) is not None:
        position = match.end()
        head = plain[head_start:match.start()]
        if match[0] != "{":
            if match[0] == "}" or head.count("(") == head.count(")"):
                head_start = position
            continue
        kind, name, offset = classify(head)
        if head.count("(") > head.count(")"):
            kind = "member"  # a braced value among the arguments: the declaration goes on
        if kind == "container":
            head_start = position
            continue
        end = _closing(plain, match.start())
        position = end + 1
        if kind == "function":
            yield name, line_of(plain, end) - line_of(plain, head_start + offset) + 1
        if kind != "member":
            head_start = position


def python_functions(code: str):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.end_lineno - node.lineno + 1


def go_functions(code: str):
    for match in _GO_FUNCTION.finditer(code):
        yield match[1], match[0].count("\n") + 1


def functions(path: Path, code: str):
    if path.suffix in CPP_SUFFIXES:
        return cpp_functions(code)
    if path.suffix == ".py":
        return python_functions(code)
    if path.suffix == ".go":
        return go_functions(code)
    return iter(())


def measure(root: Path, files: list[Path]) -> dict[str, int]:
    """Sizes of all that is larger than allowed: "path" and "path:function" -> lines."""
    large: dict[str, int] = {}
    for path in files:
        if path.suffix not in CODE_SUFFIXES:
            continue
        code = (root / path).read_text(encoding="utf-8")
        if (lines := code.count("\n")) > FILE_LINES:
            large[str(path)] = lines
        for name, lines in functions(path, code):
            if lines > FUNCTION_LINES:
                key = f"{path}:{name}"
                large[key] = max(lines, large.get(key, 0))
    return large


def read_exceptions(root: Path) -> dict[str, int]:
    path = root / EXCEPTIONS
    if not path.is_file():
        return {}
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return {fields[0]: int(fields[1]) for fields in lines if fields}


def size_findings(root: Path, files: list[Path]):
    large, listed = measure(root, files), read_exceptions(root)
    for item, lines in sorted(large.items()):
        limit = FUNCTION_LINES if ":" in item else FILE_LINES
        if item not in listed:
            yield f"{item}: {lines} lines, at most {limit} are allowed"
        elif lines > listed[item]:
            yield f"{item}: grew from {listed[item]} to {lines} lines"
        elif lines < listed[item]:
            yield f"{item}: shrank to {lines} lines: write that in {EXCEPTIONS}"
    for item in sorted(listed.keys() - large.keys()):
        yield f"{item}: within the limit now: remove it from {EXCEPTIONS}"


def header_findings(root: Path, files: list[Path]):
    present = {"/".join(path.parts[2:]) for path in files
               if path.parts[:2] == ("include", "weft") and path.suffix == ".h"}
    public = [name for name in present if not name.startswith("detail/")]
    if len(public) > PUBLIC_HEADERS:
        yield f"include/weft: {len(public)} headers, at most {PUBLIC_HEADERS} are allowed"
    if not (root / HEADER_LIST).is_file():
        return
    listed = set(re.findall(r"\b[\w/]+\.h\b", (root / HEADER_LIST).read_text()))
    for name in sorted(present - listed):
        yield f"include/weft/{name}: not listed in {HEADER_LIST}"
    for name in sorted(listed - present):
        yield f"{HEADER_LIST}: include/weft/{name} does not exist"


def check(root: Path) -> int:
    """Prints the findings; returns the exit status."""
    files = project_files(root)
    found = [*size_findings(root, files), *header_findings(root, files)]
    for finding in found:
        print(finding)
    if found:
        print(f"check_sizes: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1]) if len(sys.argv) > 1 else
                   Path(__file__).resolve().parent.parent))
