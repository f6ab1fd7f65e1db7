# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import io
import json
import os
import tempfile
import unittest

import bars
from driver import report
from driver.machine import Noise
from driver.tests import fakes
from driver.verdict import Series, judge, skipped

DECLARED = fakes.bars(fakes.BAR, fakes.ABSOLUTE)
RATIO, ABSOLUTE = DECLARED.bars


class LineTest(unittest.TestCase):
    def test_a_ratio_shows_both_figures_their_spread_and_the_limit(self):
        verdict = judge(RATIO, Series((10, 11, 14), "ns"), Series((50, 56, 60), "ns"))
        text = report.line(verdict, DECLARED.programs)
        for part in ("holds", "yield", "weft 11.00 ns (10.00..14.00)",
                     "Go 56.00 ns (50.00..60.00)", "ratio 0.200", "<= 0.25"):
            self.assertIn(part, text)

    def test_a_floor_of_the_same_program_is_told_apart(self):
        bar = dataclasses.replace(RATIO, peer="", floor="weft yield-thread")
        verdict = judge(bar, Series((10,), "ns"), Series((50,), "ns"))
        self.assertIn("weft, thread 50.00 ns", report.line(verdict, DECLARED.programs))

    def test_an_absolute_bar_shows_its_limit(self):
        text = report.line(judge(ABSOLUTE, Series((4266,), "bytes")), DECLARED.programs)
        self.assertIn("weft 4266 bytes  must be <= 4400 bytes", text)

    def test_a_skipped_bar_shows_why(self):
        text = report.line(skipped(RATIO, "go is not installed"), DECLARED.programs)
        self.assertTrue(text.startswith("skipped foundation  yield"))
        self.assertIn("(go is not installed)", text)

    def test_noise_is_told(self):
        self.assertIn("noisy", report.noise(Noise(9, 0)))
        self.assertNotIn("noisy", report.noise(Noise(0, 1)))


class TableTest(unittest.TestCase):
    def test_each_program_with_weft_as_a_share_of_it(self):
        tables = {RATIO.row: {"weft yield": Series((10,), "ns"), "go yield": Series((50,), "ns"),
                                "weft yield-coroutine": Series(error="exit status 1")}}
        rows = report.table([RATIO, ABSOLUTE], tables, DECLARED.programs)
        self.assertEqual(len(rows), 4)
        self.assertRegex(rows[2], r"yield +Go +50.00 ns +50.00..50.00 +0.200 of it")
        self.assertRegex(rows[3], r"weft, coroutine +- +exit status 1")

    def test_a_row_for_each_figure_of_a_program(self):
        bars_of_two = [RATIO, dataclasses.replace(RATIO, metric="yield-wall", figure="wall")]
        tables = {bar.row: {"weft yield": Series((value,), "ns")}
                  for bar, value in zip(bars_of_two, (10, 20), strict=True)}
        rows = report.table(bars_of_two, tables, DECLARED.programs)
        self.assertRegex(rows[1], r"yield +weft +10.00 ns")
        self.assertRegex(rows[2], r"yield-wall +weft +20.00 ns")


class MainTest(unittest.TestCase):
    """The whole driver on programs that print fixed figures."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.bars = os.path.join(self.folder, "bars.toml")
        with open(self.bars, "w", encoding="utf-8") as file:
            file.write(fakes.HEADER + fakes.BAR + fakes.ABSOLUTE)
        self.output = os.path.join(self.folder, "out", "bars.json")

    def run_main(self, *words):
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            status = bars.main(["--bars", self.bars, "--build", self.folder,
                                "--output", self.output, *words])
        return status, text.getvalue()

    def programs(self, ours, peer, bytes_parked):
        parked = fakes.printing(bytes_parked, "bytes")
        fakes.program(self.folder, "weft",
                      f"if [ $1 = parked ]; then {parked}; else {fakes.printing(ours)}; fi")
        if peer is not None:
            fakes.program(self.folder, "go", fakes.printing(peer))

    def test_all_hold(self):
        self.programs(10, 100, 4000)
        status, text = self.run_main()
        self.assertEqual(status, 0, text)
        self.assertIn("2 hold, 0 short, 0 skipped", text)
        with open(self.output, encoding="utf-8") as file:
            document = json.load(file)
        self.assertEqual([bar["state"] for bar in document["bars"]], ["holds", "holds"])
        self.assertEqual(document["bars"][0]["compared"], 0.1)
        self.assertEqual(document["bars"][0]["ours"]["values"], [10, 10, 10])

    def test_one_short(self):
        self.programs(10, 100, 5000)
        status, text = self.run_main()
        self.assertEqual(status, 1)
        self.assertIn("1 hold, 1 short, 0 skipped", text)

    def test_one_skipped(self):
        self.programs(10, None, 4000)
        self.assertEqual(self.run_main()[0], 3)
        self.assertEqual(self.run_main("--allow-skip")[0], 0)

    def test_only(self):
        self.programs(10, None, 4000)
        status, text = self.run_main("--only", "lab")
        self.assertEqual(status, 0)
        self.assertIn("1 hold, 0 short, 0 skipped", text)

    def test_table(self):
        self.programs(10, None, 9999)
        status, text = self.run_main("--table", "--rounds", "1")
        self.assertEqual(status, 0)
        self.assertIn("golang-go", text)

    def test_a_table_names_what_takes_too_long_for_it(self):
        with open(self.bars, "a", encoding="utf-8") as file:
            file.write(fakes.ABSOLUTE.replace('"parked"', '"torture"') + "long = true\n")
        self.programs(10, 100, 4000)
        text = self.run_main("--table")[1]
        self.assertIn("not measured, they take minutes (--all, or ONLY=torture): torture", text)

    def test_bad_arguments(self):
        self.assertEqual(self.run_main("--only", "nothing")[0], 2)
        self.assertEqual(self.run_main("--bars", "/nowhere")[0], 2)


if __name__ == "__main__":
    unittest.main()
