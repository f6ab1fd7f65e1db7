#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weft sched` as its users run it. WEFT_PROGRAM names the program."""

import json
import os
import pty
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import weft_program
from weft_program import run

HOGS = 'duration = "200 ms"\n[[task]]\nname = "hog"\ncount = 2\nrun = "forever"\n'


def sched(*arguments, **options):
    return run("sched", *arguments, **options)


class Workloads(unittest.TestCase):
    def test_without_arguments_it_says_what_there_is_and_what_to_type(self):
        for arguments in ([], ["--list"]):
            done = sched(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for name in ("equal-hogs", "nice-ladder", "interactive", "fork-bomb", "sleepers",
                         "two-tenants"):
                self.assertIn(f"  {name} ", done.stdout)
            self.assertIn("weft sched nice-ladder", done.stdout)

    def test_each_bundled_one_runs_under_each_policy(self):
        names = re.findall(r"^  ([\w-]+) ", sched("--list").stdout, re.MULTILINE)
        self.assertGreaterEqual(len(names), 6)
        for name in names:
            done = sched(name, "--policy", "all")
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            for policy in ("cfs", "eevdf", "fifo", "round_robin"):
                self.assertRegex(done.stdout, rf"\n{policy}, \d+ ms to \d+ ms, a column is ")
            self.assertNotIn("\x1b", done.stdout)

    def test_a_printed_workload_is_one_that_can_be_run(self):
        text = sched("--print", "nice-ladder").stdout
        self.assertTrue(text.startswith("# "))
        done = sched("-", "--policy", "cfs", "--json", "-", stdin_text=text)
        self.assertEqual(json.loads(done.stdout)["workload"]["name"], "standard input")
        self.assertIn("greedy", done.stderr)

    def test_the_same_seed_gives_the_same_bytes(self):
        first, second, other = (
            sched("sleepers", "--seed", seed, "--json", "-", "--duration", "1s").stdout
            for seed in ("5", "5", "6"))
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)

    def test_the_command_line_wins_over_the_file(self):
        done = sched("equal-hogs", "--cpus", "2", "--duration", "300ms", "--tick", "2ms",
                     "--policy", "eevdf", "--json", "-")
        document = json.loads(done.stdout)
        self.assertEqual(document["workload"]["cpus"], 2)
        self.assertEqual(document["workload"]["duration_ms"], 300)
        self.assertEqual(document["workload"]["tick_ms"], 2)
        self.assertEqual([one["policy"] for one in document["policies"]], ["eevdf"])
        for task in document["policies"][0]["tasks"]:
            self.assertAlmostEqual(task["share_percent"], 25, delta=1)


class Manual(unittest.TestCase):
    """What docs/scheduler.md shows is what the program does."""

    TEXT = (Path(__file__).parents[2] / "docs" / "scheduler.md").read_text(encoding="utf-8")

    def test_pictures(self):
        blocks = re.findall(r"^```\n\$ weft sched (.*)\n((?:.*\n)+?)```$", self.TEXT, re.MULTILINE)
        self.assertGreaterEqual(len(blocks), 5)
        for arguments, shown in blocks:
            done = sched(*arguments.split(), env={**os.environ, "LC_ALL": "C.UTF-8"})
            for line in shown.splitlines():
                self.assertIn(line + "\n", done.stdout, arguments)

    def test_the_example_of_a_file(self):
        example, = re.findall(r"^```toml\n((?:.*\n)+?)```$", self.TEXT, re.MULTILINE)
        done = sched("-", stdin_text=example)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Errors(unittest.TestCase):
    def test_a_bad_file_is_named_with_the_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "bad.toml")
            path.write_text(HOGS + "nice = 30\n", encoding="utf-8")
            done = sched(str(path))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, f"weft: {path}:6:8: nice: 30 is not from -20 to 19\n")

    def test_what_is_no_workload(self):
        for name, message in [("no-such", "no bundled workload is called so"),
                              ("./no-such.toml", "No such file"), ("/", "directory")]:
            done = sched(name)
            self.assertEqual((done.returncode, done.stdout), (1, ""), name)
            self.assertRegex(done.stderr, rf"\Aweft: [^\n]*{message}[^\n]*\n\Z")

    def test_bad_options_are_named_in_one_line(self):
        for option, value, message in [
                ("--policy", "cfs,lottery", "'lottery' is none of"), ("--policy", "", "none|least"),
                ("--duration", "5", "is no time"), ("--duration", "1us", "is not from"),
                ("--cpus", "0", "from 1 to 64"), ("--cpus", "65", "from 1 to 64"),
                ("--tick", "1us", "is not from"), ("--seed", "-1", "whole number"),
                ("--show", "5ms", "no part of a run"), ("--show", "9ms..5ms", "no part of a run"),
                ("--json", "/none/x.json", "cannot write"), ("--html", "-", "name a file")]:
            done = sched("equal-hogs", option, value)
            self.assertEqual((done.returncode, done.stdout), (2, ""), option + value)
            self.assertRegex(done.stderr, rf"\Aweft: [^\n]*{message}[^\n]*\n\Z")

    def test_standard_output_has_room_for_one_report(self):
        done = sched("equal-hogs", "--json", "-", "--trace", "-")
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_full_device_is_said(self):
        done = sched("equal-hogs", "--trace", "/dev/full")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)

    def test_a_part_that_is_not_of_the_run(self):
        done = sched("equal-hogs", "--show", "1s..3s")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the run to 2 s", done.stderr)


class Reports(unittest.TestCase):
    def test_files_hold_what_they_should(self):
        with tempfile.TemporaryDirectory() as folder:
            page, trace, document = (Path(folder, name) for name in ("a.html", "b.json", "c.json"))
            done = sched("two-tenants", "--html", str(page), "--trace", str(trace), "--json",
                         str(document))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            text = page.read_text(encoding="utf-8")
            self.assertIn("Chart.js", text)
            self.assertTrue(text.rstrip().endswith("</html>"))
            events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
            self.assertEqual({event["ph"] for event in events}, {"M", "X", "C"})
            figures = json.loads(document.read_text(encoding="utf-8"))
        self.assertEqual(figures["schema_version"], 1)
        groups = {one["name"]: one for one in figures["policies"][0]["groups"]}
        self.assertAlmostEqual(groups["small"]["share_percent"], 40, delta=0.5)
        self.assertAlmostEqual(groups["bounded"]["share_percent"], 20, delta=0.5)

    def test_a_terminal_gets_colours_and_no_line_is_wider(self):
        def shown(columns, **variables):
            terminal, other_end = pty.openpty()
            weft_program.set_columns(other_end, columns)
            with subprocess.Popen(
                    [weft_program.PROGRAM, "sched", "nice-ladder"], stdin=subprocess.DEVNULL,
                    stdout=other_end, env={**os.environ, "TERM": "xterm", **variables}) as program:
                os.close(other_end)
                text = weft_program.read_all(terminal)
            os.close(terminal)
            self.assertEqual(program.returncode, 0)
            return text

        self.assertIn("\x1b[32m", shown(100))
        plain = shown(64, NO_COLOR="1")
        self.assertNotIn("\x1b", plain)
        self.assertLessEqual(max(map(len, plain.splitlines())), 64)


if __name__ == "__main__":
    unittest.main()
