# SPDX-License-Identifier: Apache-2.0
"""Times what a newcomer does: clone, then `make run`, until the table and the report are there.

The clone is built from nothing: no build folder, no compiler cache. Packages that are already
installed stay installed, so their download is not in the figure.
"""
import json
import os
import subprocess
import tempfile
import time

from . import process

# What each part says of itself: the report, and where in "run" its seconds stand.
REPORTS = {os.path.join("build", "report", "clients.json"): "elapsed_seconds",
           os.path.join("build", "report", "measure.json"): "seconds"}
# Twice the bar: beyond that the answer is known.
TIMEOUT = 1200


def measure(repository):
    """{"total": s, "measuring": s} for a clone of the committed state of `repository`."""
    with tempfile.TemporaryDirectory(prefix="weft-make-run-") as folder:
        clone = os.path.join(folder, "weft")
        environment = {**os.environ, "CCACHE_DISABLE": "1"}
        for inherited in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "ONLY"):
            environment.pop(inherited, None)
        start = time.monotonic()
        _run(["git", "clone", "--quiet", repository, clone], folder, environment)
        _run(["make", "run"], clone, environment)
        total = time.monotonic() - start
        return {"total": total, "measuring": measuring_seconds(clone), "unit": "s"}


def measuring_seconds(clone):
    """How long `weft clients` and `weft measure` ran, from their own reports."""
    return sum(_seconds_of(clone, report, key) for report, key in REPORTS.items())


def _seconds_of(clone, report, key):
    try:
        with open(os.path.join(clone, report), encoding="utf-8") as file:
            seconds = json.load(file)["run"][key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise process.ProgramError(f"make run: no usable report in {report}: {error}") from error
    if not isinstance(seconds, (int, float)) or seconds <= 0:
        raise process.ProgramError(f"make run: {report} says that it measured for {seconds!r} s")
    return float(seconds)


def _run(command, folder, environment):
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            status = subprocess.run(command, cwd=folder, env=environment, stdout=output,
                                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    timeout=TIMEOUT, check=False).returncode
        except subprocess.TimeoutExpired as error:
            raise process.ProgramError(f"{' '.join(command[:2])}: not ready after {TIMEOUT} s"
                                       ) from error
        if status != 0:
            output.seek(0)
            last = (output.read().strip().splitlines() or [""])[-1]
            raise process.ProgramError(
                f"{' '.join(command[:2])}: {process.ending(status)}: {last}")
