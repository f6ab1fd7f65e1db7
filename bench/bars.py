#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the bars of bench/bars.toml, or with --table shows all programs side by side.

Builds nothing: `make bars` and `make bench` build first. Exit status: 0 all bars hold, 1 one is
short, 2 a bad command line or file, 3 none is short but one was skipped, or left out because it takes
minutes (see --all and --allow-skip). A table is no promise: its status is 0 if there is anything to
show.
"""
import argparse
import json
import os
import platform
import sys

from driver import bars_file, machine, report
from driver.measure import Measurer, progress_line
from driver.verdict import exit_status

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def arguments(words):
    parser = argparse.ArgumentParser(prog="bars.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default=os.environ.get("ONLY", ""), metavar="PATTERN",
                        help="bars whose area or metric contains this text, or fits it if it has "
                             "* ? or [ (also: the environment's ONLY)")
    parser.add_argument("--all", action="store_true", help="also the bars that take minutes")
    parser.add_argument("--table", action="store_true",
                        help="all programs and their ratios instead of the bars")
    parser.add_argument("--allow-skip", action="store_true",
                        help="what is not measured is no failure")
    parser.add_argument("--rounds", type=int, default=None, metavar="N",
                        help="measure each side N times instead of as often as the bar says")
    parser.add_argument("--bars", default=os.path.join(HERE, "bars.toml"), metavar="FILE")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        metavar="FOLDER", help="where the programs were built")
    parser.add_argument("--output", metavar="FILE",
                        help="all figures, as JSON (build/bars.json; build/bench.json of --table)")
    options = parser.parse_args(words)
    if options.output is None:
        options.output = os.path.join(ROOT, "build", "bench.json" if options.table else "bars.json")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def machine_facts():
    return {"system": platform.platform(), "processor": platform.processor() or platform.machine(),
            "cpus": len(machine.usable_cpus()), "load_average": os.getloadavg()[0]}


def write_json(path, document):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, allow_nan=False)
        file.write("\n")


def main(words):
    options = arguments(words)
    try:
        declared = bars_file.load(options.bars)
        chosen, left_out = bars_file.select(declared.bars, options.only, options.all)
    except bars_file.BarsError as error:
        print(f"bars.py: {error}", file=sys.stderr)
        return 2
    if options.table:
        chosen, left_out = ([bar for bar in bars if bar.method not in bars_file.ALONE]
                            for bars in (chosen, left_out))
    machine.raise_descriptor_limit()
    facts, meter = machine_facts(), machine.NoiseMeter()
    measurer = Measurer(declared.programs, options.build, options.rounds, progress_line)
    verdicts, tables = measurer.measure(chosen, with_others=options.table)
    progress_line("")
    noise = meter.read()
    write_json(options.output, report.document(verdicts, left_out, tables, noise, facts))
    if options.table:
        print("\n".join([*report.table(chosen, tables, declared.programs),
                         *report.not_measured(left_out), report.noise(noise)]))
        return 0 if tables else 3
    for verdict in verdicts:
        print(report.line(verdict, declared.programs))
    print("\n".join(report.summary(verdicts, left_out, noise)))
    return exit_status(verdicts, left_out, options.allow_skip)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\nbars.py: interrupted", file=sys.stderr)
        sys.exit(130)
