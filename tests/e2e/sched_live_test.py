#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weft sched --live` as its users run it. WEFT_PROGRAM names the program.

The machine may be loaded: what is judged is that the figures fit together, not how good they are.
"""

import json
import signal
import tempfile
import unittest
from pathlib import Path

import weft_program
from weft_program import run

EQUAL = '[[task]]\nname = "hog"\ncount = 2\nrun = "forever"\n'


def live(*arguments, **options):
    return run("sched", "--live", *arguments, **options)


class Figures(unittest.TestCase):
    def check_system(self, one, kind, names):
        self.assertEqual(one["kind"], kind)
        self.assertEqual([task["name"] for task in one["tasks"]], names)
        self.assertGreater(one["occupied_percent"], 0)
        shares = sum(task["share_percent"] for task in one["tasks"])
        self.assertAlmostEqual(shares, 100, delta=0.01)
        ideal = sum(task["ideal_percent"] for task in one["tasks"])
        self.assertAlmostEqual(ideal, 100, delta=0.01)
        for task in one["tasks"]:
            self.assertAlmostEqual(
                task["error_points"], task["share_percent"] - task["ideal_percent"], delta=0.001)
            for lengths in (task["slices_ms"], task["turns_ms"], task["kernel_turns_ms"]):
                ordered = [lengths[key] for key in ("min", "p50", "p99", "max")]
                self.assertEqual(ordered, sorted(ordered))
        for why in ("to_task", "to_other", "slept", "ended"):
            self.assertEqual(one["turns_ended"][why],
                             sum(task["turns_ended"][why] for task in one["tasks"]))
        records = one["kernel_records"]
        self.assertTrue(records["source"] or records["refused"])

    def test_the_ladder_is_what_runs_if_nothing_is_named(self):
        done = live("--duration", "400ms", "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["schema_version"], 1)
        self.assertTrue(document["live"])
        self.assertEqual(document["workload"]["name"], "nice-ladder")
        self.assertEqual(document["workload"]["duration_ms"], 400)
        self.assertEqual(len(document["cpus"]), 1)
        kernel, fibers = document["systems"]
        names = ["greedy", "even", "kind"]
        self.check_system(kernel, "kernel", names)
        self.check_system(fibers, "fibers", names)
        self.assertIsNone(kernel["runtime"])
        self.assertEqual(fibers["runtime"]["finished"], 3)
        nices = [task["nice"] for task in kernel["tasks"]]
        self.assertEqual(nices, [document["nice_shift"] + nice for nice in (-5, 0, 5)])
        for text in ("greedy", "kernel", "fibers", "CPU time, %", "Slices, ms", "turns per second"):
            self.assertIn(text, done.stderr)

    def test_a_fiber_that_computes_does_not_keep_the_others_out(self):
        done = live("-", "--duration", "1s", "--json", "-", stdin_text=EQUAL)
        for one in json.loads(done.stdout)["systems"]:
            for task in one["tasks"]:
                self.assertGreater(task["cpu_ms"], 0, one["kind"])
        self.assertGreater(json.loads(done.stdout)["systems"][1]["runtime"]["preempted"], 0)

    def test_tasks_that_sleep_are_measured_too(self):
        done = live("sleepers", "--duration", "400ms", "--repeat", "2", "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["rounds"], 2)
        for one in document["systems"]:
            self.assertGreater(one["turns_ended"]["slept"], 0)
            for task in one["tasks"]:
                least, most = task["share_range_percent"]
                self.assertLessEqual(least, most)

    def test_a_slice_is_passed_on(self):
        done = live("-", "--duration", "200ms", "--slice", "8ms", "--json", "-", stdin_text=EQUAL)
        document = json.loads(done.stdout)
        self.assertEqual(document["slice_ms"], 8)
        for note in document["notes"]:
            self.assertRegex(note, "slices|Not permitted|Nice values")


class Reports(unittest.TestCase):
    def test_files_hold_both(self):
        with tempfile.TemporaryDirectory() as folder:
            page, trace = Path(folder, "a.html"), Path(folder, "b.json")
            done = live("--duration", "300ms", "--html", str(page), "--trace", str(trace))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            text = page.read_text(encoding="utf-8")
            self.assertIn("Kernel threads beside fibers", text)
            self.assertTrue(text.rstrip().endswith("</html>"))
            events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
        processes = {event["args"]["name"] for event in events if event["ph"] == "M"}
        self.assertLessEqual({"kernel: tasks", "fibers: tasks", "greedy"}, processes)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)


class Errors(unittest.TestCase):
    def test_what_cannot_be_run_live_says_why(self):
        for name, why in [("interactive", "slice of its own"), ("two-tenants", "groups"),
                          ("fork-bomb", "groups")]:
            done = live(name)
            self.assertEqual((done.returncode, done.stdout), (1, ""), name)
            self.assertRegex(done.stderr, rf"\Aweft: {name} cannot be run live: [^\n]*{why}[^\n]*\n\Z")
        done = live("equal-hogs", "--cpus", "64")
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs 64 CPUs", done.stderr)

    def test_options_that_belong_to_the_other_kind_of_run(self):
        for option in (["--policy", "cfs"], ["--tick", "1ms"], ["--list"]):
            self.assertEqual(live(*option).returncode, 2, option)
        for option in (["--slice", "1ms"], ["--repeat", "2"]):
            self.assertEqual(run("sched", "nice-ladder", *option).returncode, 2, option)
        for option in (["--slice", "1us"], ["--repeat", "0"], ["--repeat", "101"]):
            self.assertEqual(live(*option).returncode, 2, option)


class Interrupt(unittest.TestCase):
    def interrupt(self, moment, *arguments):
        with weft_program.Run("sched", "--live", *arguments) as program:
            program.wait_for_progress(moment)
            program.process.send_signal(signal.SIGINT)
            status, output = program.wait()
            self.assertEqual(status, 130, program.seen)
            self.assertEqual(program.living(), [])
            return program.seen, output

    def test_in_the_middle_of_either(self):
        seen, output = self.interrupt("kernel: ", "--duration", "600s")
        self.assertIn("interrupted before both had run", seen)
        self.assertEqual(output, "")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "none.json")
            self.interrupt("fibers: ", "sleepers", "--duration", "3s", "--json", str(path))
            self.assertFalse(path.exists())

    def test_what_was_measured_until_then_is_printed(self):
        _, output = self.interrupt("repeat 2 of 100", "--duration", "100ms", "--repeat", "100")
        self.assertRegex(output, r"Interrupted after \d+ of 100 rounds")
        self.assertIn("greedy", output)


if __name__ == "__main__":
    unittest.main()
