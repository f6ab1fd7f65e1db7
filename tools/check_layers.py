#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who may include and name what.

  src/<layer>   includes private headers of its own or a lower layer only
  include/weft  includes <weft/...> and the standard library, never a private header
  apps, examples  see <weft/...> only; inside apps, see APP_MAY_USE
  apps/pool     its folders use each other in one order, see POOL_ORDER; the files beside them
                know all
  src/base/atomic.h is the only file of the library that names std::atomic, src/base/clock.h the
  only one that reads a clock

Usage: check_layers.py [ROOT]. Prints one line per finding; exit status 1 if there is any.
"""

import re
import sys
from pathlib import Path

from weft_sources import (CPP_SUFFIXES, blank_comments, blank_comments_and_texts, line_of,
                          project_files)

LEVELS = {
    "base": 0, "context": 1, "sched": 2, "sync": 3, "io": 4,
    "coro": 5, "process": 5, "observe": 5, "serve": 6, "tls": 6, "dns": 6, "posix": 6,
    "runtime": 7,
}

# Applications do not know each other, with these exceptions.
APP_MAY_USE = {"cli": {"lab", "live", "measure", "report", "sched"}, "lab": {"report"},
               "live": {"report", "sched"}, "measure": {"lab", "live", "report"},
                "pool": {"report"},
               "sched": {"report"}}

# Inside of the pooler: wire < auth < backend < session < handover < admin < status. Those that stand aside may
# be used by all, and know nobody but each other.
POOL_ORDER = ("wire", "auth", "backend", "session", "handover", "admin", "status")
POOL_ASIDE = {"config", "metrics", "sql"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)
# Not std::atomic_signal_fence: it holds back the compiler only.
ATOMIC = re.compile(r"\bstd\s*::\s*(?:atomic(?!_signal_fence)|memory_order)\w*")
CLOCK = re.compile(
    r"\b(?:steady_clock|system_clock|high_resolution_clock|clock)\s*::\s*now\b"
    r"|\b(?:clock_gettime|gettimeofday|timespec_get)\s*\(|\b__builtin_ia32_rdtsc\w*|\b__rdtsc\w*")
ATOMIC_HOME = Path("src/base/atomic.h")
CLOCK_HOME = Path("src/base/clock.h")


def includes(code: str):
    """Yields (line, target, whether in quotation marks)."""
    for match in INCLUDE.finditer(blank_comments(code)):
        yield line_of(code, match.start()), match[1] or match[2], match[1] is not None


def is_test(path: Path) -> bool:
    return path.stem.endswith(("_test", "_test_support"))


def layer_finding(path: Path, target: str, root: Path) -> str | None:
    """What is wrong with a quoted include of a file in src/."""
    own, other = path.parts[1], target.split("/")[0]
    if own not in LEVELS:
        return f"folder src/{own} is no layer (tools/check_layers.py lists them)"
    if not (root / "src" / target).is_file():
        return f'"{target}" is not a path below src/'
    if other not in LEVELS:
        return f'"{target}": src/{other} is no layer'
    if other != own and LEVELS[other] >= LEVELS[own]:
        return (f'"{target}" is an include upward: {own} is layer {LEVELS[own]}, '
                f"{other} is layer {LEVELS[other]}")
    return None


def app_finding(path: Path, target: str, root: Path) -> str | None:
    """What is wrong with a quoted include of a file in apps/ or examples/."""
    if target.split("/")[0] in LEVELS and (root / "src" / target).is_file():
        return f'"{target}" is private to the library; applications include <weft/...> only'
    home = root / path.parts[0]
    own_folder = home / path.parts[1]  # apps/pool has folders of its own
    found = next((place for place in (root / path.parent / target, own_folder / target,
                                      home / target, root / target) if place.is_file()), None)
    if found is None:
        return None  # generated
    place = found.resolve().relative_to(root.resolve()).parts
    if place[0] in ("src", "include"):
        return f'"{target}" is private to the library; applications include <weft/...> only'
    own, other = path.parts[1], place[1]
    if place[0] == "apps" and len(place) > 2 and len(path.parts) > 2 and own != other \
            and other not in APP_MAY_USE.get(own, set()):
        return f'"{target}": apps/{own} may not use apps/{other}'
    if place[:2] == path.parts[:2] == ("apps", "pool"):
        return pool_finding(path, target, place)
    return None


def pool_finding(path: Path, target: str, place: tuple[str, ...]) -> str | None:
    """What is wrong with an include of a file of the pooler in another one."""
    if len(path.parts) < 4:
        return None
    own, other = path.parts[2], place[2] if len(place) > 3 else None
    if own not in POOL_ORDER and own not in POOL_ASIDE:
        return f"folder apps/pool/{own} has no place in the order (tools/check_layers.py has it)"
    if other is None:
        return f'"{target}": only files directly in apps/pool may use each other'
    if other == own or other in POOL_ASIDE:
        return None
    if own in POOL_ASIDE or other not in POOL_ORDER:
        return f'"{target}": apps/pool/{own} stands aside and may not use apps/pool/{other}'
    if POOL_ORDER.index(other) > POOL_ORDER.index(own):
        return f'"{target}" is an include upward: apps/pool/{own} is below apps/pool/{other}'
    return None


def include_findings(path: Path, code: str, root: Path):
    folder = path.parts[0]
    for line, target, quoted in includes(code):
        finding = None
        if folder == "src":
            if quoted:
                finding = layer_finding(path, target, root)
            elif target.split("/")[0] in LEVELS and (root / "src" / target).is_file():
                finding = f'<{target}> is a private header: write "{target}"'
        elif folder == "include":
            if quoted:
                finding = f'"{target}": a public header includes <weft/...> only'
        elif folder in ("apps", "examples") and quoted:
            finding = app_finding(path, target, root)
        elif folder in ("apps", "examples") and target.startswith("weft/detail/"):
            finding = f"<{target}> is no API"
        if target.startswith("weft/") and not (root / "include" / target).is_file():
            finding = f"<{target}> does not exist"
        if finding:
            yield line, finding


def name_findings(path: Path, code: str):
    if path.parts[0] not in ("src", "include") or is_test(path):
        return
    plain = blank_comments_and_texts(code)
    if path != ATOMIC_HOME:
        for match in ATOMIC.finditer(plain):
            yield line_of(plain, match.start()), f"{match[0]}: only {ATOMIC_HOME} may name it"
    if path != CLOCK_HOME:
        for match in CLOCK.finditer(plain):
            yield line_of(plain, match.start()), f"reads a clock: only {CLOCK_HOME} may"


def findings(root: Path):
    for path in project_files(root):
        if path.suffix not in CPP_SUFFIXES or len(path.parts) < 3:
            continue
        code = (root / path).read_text(encoding="utf-8")
        for line, finding in include_findings(path, code, root):
            yield f"{path}:{line}: {finding}"
        for line, finding in name_findings(path, code):
            yield f"{path}:{line}: {finding}"


def check(root: Path) -> int:
    """Prints the findings; returns the exit status."""
    found = list(findings(root))
    for finding in found:
        print(finding)
    if found:
        print(f"check_layers: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1]) if len(sys.argv) > 1 else
                   Path(__file__).resolve().parent.parent))
