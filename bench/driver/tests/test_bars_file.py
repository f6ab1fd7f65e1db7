# SPDX-License-Identifier: Apache-2.0
import os
import unittest

from driver import bars_file
from driver.tests import fakes

BENCH = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ParseTest(unittest.TestCase):
    def assert_refused(self, text, message):
        with self.assertRaises(bars_file.BarsError) as caught:
            bars_file.parse(text)
        self.assertIn(message, str(caught.exception))

    def changed(self, old, new, bar=fakes.BAR):
        self.assertIn(old, bar)
        return fakes.HEADER + bar.replace(old, new)

    def test_reads_a_bar(self):
        bar, = fakes.bars(fakes.BAR).bars
        self.assertEqual((bar.area, bar.metric, bar.against, bar.limit, bar.rounds, bar.figure),
                         ("foundation", "yield", "go yield", 0.25, 3, "value"))
        self.assertEqual(bar.needs, bars_file.Needs())

    def test_the_projects_own_file_is_sound(self):
        declared = bars_file.load(os.path.join(BENCH, "bars.toml"))
        self.assertTrue(all(bar.area in bars_file.AREAS for bar in declared.bars))
        self.assertIn("yield", [bar.metric for bar in declared.bars])

    def test_refuses_what_is_not_toml(self):
        self.assert_refused("[[bar", "not TOML")

    def test_refuses_an_unknown_key_and_names_bar_and_key(self):
        self.assert_refused(self.changed("limit", "limt"), "bar 1 (yield): unknown key 'limt'")

    def test_refuses_a_missing_key(self):
        self.assert_refused(self.changed("limit = 0.25\n", ""), "'limit' is missing")

    def test_refuses_a_wrong_type(self):
        self.assert_refused(self.changed("0.25", '"0.25"'), "'limit' must be a number")
        self.assert_refused(self.changed("rounds = 3", "rounds = true"), "must be a number")

    def test_refuses_unknown_words(self):
        self.assert_refused(self.changed('"foundation"', '"cellar"'), "'area' is 'cellar'")
        self.assert_refused(self.changed('"<="', '"<"'), "'comparison' is '<'")
        self.assert_refused(self.changed('"program"', '"guess"'), "'method' is 'guess'")
        self.assert_refused(self.changed('"go yield"', '"gone yield"'), "'gone' is not in")

    def test_refuses_a_limit_that_is_no_limit(self):
        self.assert_refused(self.changed("0.25", "nan"), "'limit' must not be negative")
        self.assert_refused(self.changed("0.25", "-1"), "'limit' must not be negative")

    def test_refuses_a_ratio_without_a_peer_and_a_unit_with_one(self):
        self.assert_refused(self.changed('peer = "go yield"\n', ""), "only then")
        self.assert_refused(self.changed('"ratio"', '"ns"'), "only then")

    def test_refuses_peer_and_floor_together(self):
        self.assert_refused(self.changed("limit", 'floor = "go yield"\nlimit'), "exclude")

    def test_refuses_an_echo_without_clients_and_clients_without_an_echo(self):
        self.assert_refused(self.changed("clients = 10\n", "", fakes.ECHO), "positive 'clients'")
        self.assert_refused(self.changed("limit", "clients = 3\nlimit"), "not belong to method")
        self.assert_refused(self.changed("limit", "rate = 3\nlimit"), "not belong to method")

    def test_refuses_http_without_clients_and_with_a_size(self):
        self.assertEqual(fakes.bars(fakes.HTTP).bars[0].clients, 10)
        self.assert_refused(self.changed("clients = 10\n", "", fakes.HTTP), "positive 'clients'")
        self.assert_refused(self.changed("limit", "message_size = 3\nlimit", fakes.HTTP),
                            "not belong to method http")

    def test_refuses_an_agreement_with_somebody_else(self):
        self.assert_refused(self.changed('"program"', '"agreement"'),
                            "compares a program with itself")

    def test_refuses_a_rate_below_zero(self):
        self.assert_refused(self.changed("clients", "rate = -1\nclients", fakes.ECHO),
                            "'rate' must not be negative")

    def test_refuses_unknown_needs(self):
        self.assert_refused(fakes.HEADER + fakes.BAR + "needs = { gpu = 1 }\n",
                            "needs: unknown key 'gpu'")

    def test_refuses_the_same_bar_twice(self):
        self.assert_refused(fakes.HEADER + fakes.BAR + fakes.BAR, "two bars")

    def test_an_unreadable_file_is_an_error_with_its_name(self):
        with self.assertRaises(bars_file.BarsError) as caught:
            bars_file.load("/nowhere/bars.toml")
        self.assertIn("/nowhere/bars.toml", str(caught.exception))


class SelectTest(unittest.TestCase):
    def setUp(self):
        slow = fakes.ABSOLUTE.replace('"parked"', '"make-run"') + "long = true\n"
        self.bars = fakes.bars(fakes.BAR, fakes.ABSOLUTE, slow).bars

    def selected(self, pattern="", everything=False):
        chosen, left_out = bars_file.select(self.bars, pattern, everything)
        return [bar.metric for bar in chosen], [bar.metric for bar in left_out]

    def test_all_but_the_long_ones(self):
        self.assertEqual(self.selected(), (["yield", "parked"], ["make-run"]))

    def test_everything(self):
        self.assertEqual(self.selected(everything=True), (["yield", "parked", "make-run"], []))

    def test_by_area_leaves_long_ones_out(self):
        self.assertEqual(self.selected("lab"), (["parked"], ["make-run"]))

    def test_by_part_of_the_metric(self):
        self.assertEqual(self.selected("park"), (["parked"], []))
        self.assertEqual(self.selected("make-run"), (["make-run"], []))

    def test_a_pattern_fits_the_whole_name(self):
        self.assertEqual(self.selected("y*"), (["yield"], []))
        self.assertEqual(self.selected("[fl]*"), (["yield", "parked"], ["make-run"]))

    def test_a_pattern_that_fits_nothing_is_an_error(self):
        with self.assertRaises(bars_file.BarsError):
            self.selected("yeild")


if __name__ == "__main__":
    unittest.main()
