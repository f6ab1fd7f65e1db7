# SPDX-License-Identifier: Apache-2.0
import math
import unittest

from driver.tests import fakes
from driver.verdict import Series, State, exit_status, judge, meets, ratio, skipped

RATIO, ABSOLUTE = fakes.bars(fakes.BAR, fakes.ABSOLUTE).bars


class CompareTest(unittest.TestCase):
    def test_at_most(self):
        self.assertTrue(meets(0.25, "<=", 0.25))
        self.assertFalse(meets(0.2501, "<=", 0.25))

    def test_at_least(self):
        self.assertTrue(meets(2.0, ">=", 2.0))
        self.assertFalse(meets(1.99, ">=", 2.0))

    def test_what_is_no_number_meets_nothing(self):
        for comparison in ("<=", ">="):
            for figure in (math.nan, math.inf, -math.inf):
                self.assertFalse(meets(figure, comparison, 1.0))


class RatioTest(unittest.TestCase):
    def test_a_slow_time_that_hits_both_sides_changes_nothing(self):
        self.assertEqual(ratio(Series((10, 10, 20)), Series((20, 40, 40))), 0.5)

    def test_one_round_that_went_wrong_changes_nothing(self):
        self.assertEqual(ratio(Series((10, 1000, 10)), Series((20, 20, 20))), 0.5)

    def test_nothing_divided_by_is_infinite(self):
        self.assertEqual(ratio(Series((1,)), Series((0,))), math.inf)

    def test_rounds_come_in_pairs(self):
        self.assertRaises(ValueError, ratio, Series((1, 2)), Series((1,)))


class JudgeTest(unittest.TestCase):
    def test_compares_the_rounds(self):
        verdict = judge(RATIO, Series((10, 1000, 12), "ns"), Series((40, 48, 48), "ns"))
        self.assertEqual(verdict.state, State.HOLDS)
        self.assertEqual(verdict.figure, 0.25)
        self.assertEqual((verdict.ours.low, verdict.ours.high), (10, 1000))

    def test_an_even_number_of_rounds_has_the_mean_of_the_middle(self):
        self.assertEqual(Series((1, 2, 4, 100)).median, 3)

    def test_short(self):
        verdict = judge(RATIO, Series((26,), "ns"), Series((100,), "ns"))
        self.assertEqual((verdict.state, verdict.figure), (State.SHORT, 0.26))

    def test_without_a_peer_the_figure_itself_counts(self):
        self.assertEqual(judge(ABSOLUTE, Series((4400,), "bytes")).state, State.HOLDS)
        self.assertEqual(judge(ABSOLUTE, Series((4401,), "bytes")).state, State.SHORT)

    def test_other_units_are_not_compared(self):
        self.assertEqual(judge(ABSOLUTE, Series((4,), "KiB")).state, State.SHORT)
        self.assertEqual(judge(RATIO, Series((1,), "us"), Series((10,), "ns")).state, State.SHORT)

    def test_our_failure_is_short_and_says_why(self):
        verdict = judge(RATIO, Series(error="killed by SIGSEGV"), Series((100,), "ns"))
        self.assertEqual((verdict.state, verdict.reason), (State.SHORT, "killed by SIGSEGV"))

    def test_the_peers_failure_is_no_success(self):
        verdict = judge(RATIO, Series((1,), "ns"), Series(error="exit status 2"))
        self.assertEqual((verdict.state, verdict.reason), (State.SKIPPED, "exit status 2"))

    def test_a_peer_that_measured_zero_proves_nothing(self):
        self.assertEqual(judge(RATIO, Series((1,), "ns"), Series((0,), "ns")).state, State.SHORT)

    def test_the_reason_of_the_file_stands_beside_a_short_bar_only(self):
        bar, = fakes.bars(fakes.ABSOLUTE + 'reason = "two pages"\n').bars
        self.assertEqual(judge(bar, Series((9000,), "bytes")).reason, "two pages")
        self.assertEqual(judge(bar, Series((4000,), "bytes")).reason, "")


class ExitStatusTest(unittest.TestCase):
    holds = judge(ABSOLUTE, Series((1,), "bytes"))
    short = judge(ABSOLUTE, Series((9999,), "bytes"))
    skip = skipped(ABSOLUTE, "go is not installed")

    def test_all_hold(self):
        self.assertEqual(exit_status([self.holds, self.holds]), 0)

    def test_short_wins(self):
        self.assertEqual(exit_status([self.holds, self.skip, self.short]), 1)
        self.assertEqual(exit_status([self.skip, self.short], allow_skip=True), 1)

    def test_skipped(self):
        self.assertEqual(exit_status([self.holds, self.skip]), 3)
        self.assertEqual(exit_status([self.holds, self.skip], allow_skip=True), 0)

    def test_left_out(self):
        self.assertEqual(exit_status([self.holds], left_out=[ABSOLUTE]), 3)
        self.assertEqual(exit_status([], left_out=[ABSOLUTE]), 3)
        self.assertEqual(exit_status([self.short], left_out=[ABSOLUTE]), 1)
        self.assertEqual(exit_status([self.holds], left_out=[ABSOLUTE], allow_skip=True), 0)


if __name__ == "__main__":
    unittest.main()
