# SPDX-License-Identifier: Apache-2.0
"""Measures bars: each side in turns (A B C, A B C, ...), so that a slow minute hits all of them.

A method turns one command of a bar into the figures of one round, a dict with at least the bar's
figure and "unit". What goes wrong in a side is kept as its error; the others go on.
"""
import dataclasses
import os
import shlex
import sys

from pool import workloads

from . import agreement, machine, make_run, process
from .bars_file import HELPERS
from .verdict import Series, judge, skipped

# Long enough for the slowest peer on a slow machine; a program that hangs must not hang the run.
PROGRAM_TIMEOUT = 300

# What wrk is to print.
WRK_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")


class Measurer:
    """Measures the bars of one file with the programs below one build folder."""

    def __init__(self, programs, build, rounds=None, progress=None):
        self._programs = programs
        self._build = build
        self._rounds = rounds
        self._progress = progress or (lambda text: None)
        self._methods = {"program": self._program, "echo": self._echo,
                         "http": self._http, "pool": self._pool,
                         "make-run": self._make_run, "agreement": self._agreement}

    def measure(self, bars, with_others=False):
        """(verdicts in the order of `bars`, {bar.row: {command: Series}}).

        with_others: also what a bar names beside its peer; a peer that is not there is left out.
        """
        verdicts, tables, groups = {}, {}, {}
        for bar in bars:
            reason = self._missing(bar, with_others)
            if reason:
                verdicts[bar] = skipped(bar, reason)
            else:
                groups.setdefault(bar.group, []).append(bar)
        for members in groups.values():
            rounds = self._group(members, with_others)
            for bar in members:
                tables[bar.row] = {command: _series(bar.figure, results)
                                   for command, results in rounds.items()}
                ours = _series(bar.figure, rounds[bar.ours])
                against = _series(bar.figure, rounds[bar.against]) if bar.against else Series()
                verdicts[bar] = judge(bar, ours, against)
        return [verdicts[bar] for bar in bars], tables

    def _group(self, bars, with_others):
        """{command: one result per round}; a result is the figures, or the error as a text."""
        commands = [bars[0].ours]
        for bar in bars:
            commands += [bar.against] if bar.against else []
            commands += bar.also if with_others else []
        results = {command: [] for command in commands}
        count = self._rounds or max(bar.rounds for bar in bars)
        for number in range(1, count + 1):
            for command, done in results.items():
                if done and isinstance(done[-1], str):
                    continue
                self._progress(f"{bars[0].metric}: {command}, round {number} of {count}")
                done.append(self._one(bars[0], command, with_others))
        return results

    def _one(self, bar, command, may_be_missing):
        missing = may_be_missing and self._missing_program(command)
        if missing:
            return missing
        try:
            return self._methods[bar.method](bar, command)
        except process.ProgramError as error:
            return str(error)

    def _missing(self, bar, without_peers):
        """Why this bar cannot be measured here; empty if it can."""
        if bar.method == "make-run":
            return machine.missing(bar.needs)
        commands = [bar.ours] + ([HELPERS[bar.method]] if bar.method in HELPERS else [])
        needs = bar.needs
        if without_peers:
            needs = dataclasses.replace(needs, commands=())
        elif bar.against:
            commands.append(bar.against)
        missing = (self._missing_program(command) for command in commands)
        return machine.missing(needs) or next((reason for reason in missing if reason), "")

    def _missing_program(self, command):
        program = self._programs[shlex.split(command)[0]]
        path = os.path.join(self._build, program.path)
        if os.access(path, os.X_OK):
            return ""
        package = f" (Debian package {program.package})" if program.package else ""
        return f"{path} is not built{package}"

    def _command(self, text):
        words = shlex.split(text)
        return [os.path.join(self._build, self._programs[words[0]].path), *words[1:]]

    def _program(self, _bar, text):
        return process.run_for_json(self._command(text), PROGRAM_TIMEOUT)

    def _echo(self, bar, text):
        """The server on one CPU, the load on another: what one worker costs, undisturbed."""
        server_cpu, load_cpu = machine.usable_cpus()[:2]
        with process.Server(self._command(text), cpu=server_cpu) as server:
            load = self._command("load") + [
                "load", "--connect", f"127.0.0.1:{server.port}", "--clients", str(bar.clients),
                "--duration", str(bar.seconds), "--message-size", str(bar.message_size),
                "--json", "-", "--server-pid", str(server.pid)]
            load += ["--rate", str(bar.rate)] if bar.rate else []
            document = process.run_for_json(load, PROGRAM_TIMEOUT, cpu=load_cpu)
            server.check_alive()
        return echo_figures(document)

    def _http(self, bar, text):
        """As _echo, with wrk."""
        server_cpu, load_cpu = machine.usable_cpus()[:2]
        with process.Server(self._command(text), cpu=server_cpu) as server:
            # An answer that is late for want of a CPU is no error.
            load = ["wrk", "--threads", "1", "--connections", str(bar.clients), "--duration",
                    f"{bar.seconds}s", "--timeout", "20s", "--script", WRK_SCRIPT,
                    f"http://127.0.0.1:{server.port}/"]
            before = server.cpu_seconds()
            document = process.run_for_json(load, PROGRAM_TIMEOUT, cpu=load_cpu)
            server.check_alive()
            return http_figures(document, server.cpu_seconds() - before)

    def _pool(self, _bar, text):
        program, *words = self._command(text)
        return workloads.measure(program, self._command("crowd")[0], words)

    def _agreement(self, _bar, text):
        return agreement.measure(self._command(text))

    def _make_run(self, _bar, _text):
        repository = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        return make_run.measure(repository)


def echo_figures(document):
    """The figures of one run of the load generator, whose errors make them worthless."""
    value = document.get("cpu_us_per_request")
    if not isinstance(value, (int, float)) or value <= 0:
        raise process.ProgramError("weft load: no cpu_us_per_request in its report")
    if document.get("errors"):
        raise process.ProgramError(f"weft load: errors: {document['errors']}")
    return {**document, "value": value, "unit": "us"}


def http_figures(document, cpu_seconds):
    """The figures of one run of wrk, whose errors make them worthless."""
    if document["errors"] or not document["requests"]:
        raise process.ProgramError(f"wrk: {document['requests']} requests, "
                                   f"errors: {document['errors']}")
    return {**document, "value": 1e6 * cpu_seconds / document["requests"], "unit": "us",
            "requests_per_second": document["requests"] / document["seconds"],
            "units": {"requests_per_second": "requests/s"}}


def _series(figure, results):
    errors = [each for each in results if isinstance(each, str)]
    if errors:
        return Series(error=errors[0])
    values = [each.get(figure) for each in results]
    if not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values):
        return Series(error=f"no figure '{figure}' was printed")
    unit = results[0].get("units", {}).get(figure) or results[0].get("unit", "")
    return Series(tuple(float(each) for each in values), str(unit))


def progress_line(text):
    """Shows what is being measured on a terminal; the line is overwritten by the next."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
