# SPDX-License-Identifier: Apache-2.0
import os
import shlex
import unittest

from driver import bars_file
from driver.process import ProgramError
from pool import stage, workloads

BARS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "bars.toml")
PGBENCH = """number of transactions actually processed: 12345
number of failed transactions: 0 (0.000%)
latency average = 0.250 ms
initial connection time = 7.1 ms
tps = 4000.5 (without initial connection time)
"""


class PgbenchTest(unittest.TestCase):
    def test_figures(self):
        self.assertEqual(stage.pgbench_figures(PGBENCH),
                         {"transactions": 12345, "tps": 4000.5, "latency_us": 250})

    def test_failures_are_worth_nothing(self):
        for text in ("", PGBENCH.replace("failed transactions: 0", "failed transactions: 1"),
                     PGBENCH.replace("12345", "0")):
            with self.assertRaises(ProgramError):
                stage.pgbench_figures(text)


class WordsTest(unittest.TestCase):
    def test_all_bars_say_what_there_is(self):
        commands = [command for bar in bars_file.load(BARS).bars if bar.method == "pool"
                    for command in (bar.ours, bar.against, *bar.also) if command]
        self.assertGreater(len(commands), 20)
        for command in commands:
            workloads.options_of(shlex.split(command)[1:])

    def test_mistakes_are_errors(self):
        for words in (["nothing"], ["select", "--protocol", "fast"], ["select", "--unknown", "1"],
                      ["select", "--clients", "x"]):
            with self.assertRaises(ProgramError):
                workloads.options_of(words)


class SettingsTest(unittest.TestCase):
    def test_both_sides_have_the_same(self):
        """What only weft-pool knows comes beside, and is no part of these."""
        self.assertEqual(stage.settings(auth_type="md5")["default_pool_size"], stage.POOL)
        self.assertEqual(stage.settings(auth_type="md5")["auth_type"], "md5")


if __name__ == "__main__":
    unittest.main()
