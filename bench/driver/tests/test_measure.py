# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from driver import agreement, machine, make_run, measure, process
from driver.measure import Measurer
from driver.tests import fakes
from driver.verdict import State


class MeasureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.log = os.path.join(self.folder, "log")

    def program(self, name, script):
        return fakes.program(self.folder, name, script)

    def verdicts(self, *texts, **how):
        declared = fakes.bars(*texts)
        measured, self.tables = Measurer(declared.programs, self.folder).measure(
            declared.bars, **how)
        return measured

    def test_sides_take_turns(self):
        for name, value in (("weft", 10), ("go", 100)):
            self.program(name, f"echo {name} $1 >> {self.log}\n" + fakes.printing(value))
        verdict, = self.verdicts(fakes.BAR)
        self.assertEqual((verdict.state, verdict.figure), (State.HOLDS, 0.1))
        with open(self.log, encoding="utf-8") as file:
            self.assertEqual(file.read().split("\n")[:-1], ["weft yield", "go yield"] * 3)

    def test_a_peer_that_is_not_built_skips_the_bar_with_its_package(self):
        self.program("weft", fakes.printing(10))
        verdict, = self.verdicts(fakes.BAR)
        self.assertEqual(verdict.state, State.SKIPPED)
        self.assertIn("golang-go", verdict.reason)

    def test_a_table_shows_what_is_there(self):
        self.program("weft", fakes.printing(10))
        self.verdicts(fakes.BAR + 'also = ["weft other"]\n', with_others=True)
        commands, = self.tables.values()
        self.assertEqual(commands["weft other"].median, 10)
        self.assertIn("golang-go", commands["go yield"].error)

    def test_a_need_that_is_not_met_skips_the_bar(self):
        self.program("weft", fakes.printing(1, "bytes"))
        verdict, = self.verdicts(fakes.ABSOLUTE + "needs = { cpus = 4096 }\n")
        self.assertEqual(verdict.state, State.SKIPPED)
        self.assertIn("4096 CPUs", verdict.reason)

    def test_a_crash_of_ours_is_short_and_named(self):
        self.program("weft", "kill -SEGV $$")
        self.program("go", fakes.printing(100))
        verdict, = self.verdicts(fakes.BAR)
        self.assertEqual(verdict.state, State.SHORT)
        self.assertIn("SIGSEGV", verdict.reason)

    def test_the_last_words_of_a_failed_program_are_kept(self):
        self.program("weft", "echo no memory >&2; exit 7")
        verdict, = self.verdicts(fakes.ABSOLUTE)
        self.assertIn("exit status 7: no memory", verdict.reason)

    def test_a_program_without_the_figure_is_short(self):
        self.program("weft", """echo '{"unit": "bytes"}'""")
        verdict, = self.verdicts(fakes.ABSOLUTE)
        self.assertEqual(verdict.state, State.SHORT)

    def test_another_figure_of_the_same_line(self):
        self.program("weft", """echo '{"value": 1, "peak": 5000, "unit": "bytes"}'""")
        verdict, = self.verdicts(fakes.ABSOLUTE + 'figure = "peak"\n')
        self.assertEqual((verdict.state, verdict.figure), (State.SHORT, 5000))

    def test_a_figure_may_have_a_unit_of_its_own(self):
        self.program("weft", """echo '{"value": 1, "peak": 5, "unit": "ms", "units":
            {"peak": "bytes"}}' | tr '\\n' ' '""")
        verdict, = self.verdicts(fakes.ABSOLUTE + 'figure = "peak"\n')
        self.assertEqual((verdict.state, verdict.ours.unit), (State.HOLDS, "bytes"))

    def test_two_figures_of_the_same_run(self):
        self.program("weft", f"""echo run >> {self.log}
            echo '{{"value": 1, "peak": 5000, "unit": "bytes"}}'""")
        peak = fakes.ABSOLUTE.replace('"parked"', '"peak"') + 'figure = "peak"\n'
        verdicts = self.verdicts(fakes.ABSOLUTE, peak)
        self.assertEqual([each.figure for each in verdicts], [1, 5000])
        self.assertEqual([series["weft parked"].median for series in self.tables.values()],
                         [1, 5000])
        with open(self.log, encoding="utf-8") as file:
            self.assertEqual(file.read(), "run\n")

    def test_an_echo_at_a_rate(self):
        self.program("weft", "echo 12345; exec sleep 60")
        self.program("go", "echo 12345; exec sleep 60")
        self.program("load", f"""echo "$@" >> {self.log}
            echo '{{"cpu_us_per_request": 5.5, "latency_us_p99": 700, "errors": 0}}'""")
        figure = 'rate = 2000\nfigure = "latency_us_p99"\n'
        with mock.patch.object(machine, "usable_cpus", lambda: [os.sched_getaffinity(0).pop()] * 2):
            verdict, = self.verdicts(fakes.ECHO + figure)
        self.assertEqual((verdict.ours.median, verdict.ours.unit), (700, "us"))
        with open(self.log, encoding="utf-8") as file:
            self.assertIn("--rate 2000", file.readline())

    def test_http_runs_wrk_on_each_server(self):
        # CPU time is that of the server until wrk has ended.
        server = """echo listening on 127.0.0.1:12345
            i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; exec sleep 60"""
        self.program("weft", server)
        self.program("go", server)
        self.program("wrk", f"""echo "$@" >> {self.log}; sleep 0.5
            echo '  99% 1ms'
            echo '{{"requests": 10, "seconds": 2, "latency_us_p99": 7, "errors": 0}}'""")
        path = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        with mock.patch.object(machine, "usable_cpus", lambda: [os.sched_getaffinity(0).pop()] * 2), \
                mock.patch.dict(os.environ, path):
            verdict, = self.verdicts(fakes.HTTP)
        self.assertEqual((verdict.ours.unit, len(verdict.ours.values)), ("us", 2))
        self.assertGreater(verdict.ours.low, 0)
        with open(self.log, encoding="utf-8") as file:
            first = file.readline()
        self.assertIn("--connections 10 --duration 0.1s", first)
        self.assertIn("http://127.0.0.1:12345/", first)

    def test_an_echo_puts_the_load_on_each_server_and_ends_it(self):
        pids = os.path.join(self.folder, "pids")
        server = f"echo $$ >> {pids}; echo 12345; exec sleep 60"
        self.program("weft", server)
        self.program("go", server)
        self.program("load", f"""echo "$@" >> {self.log}
            echo '{{"cpu_us_per_request": 5.5, "errors": {{}}}}'""")
        with mock.patch.object(machine, "usable_cpus", lambda: [os.sched_getaffinity(0).pop()] * 2):
            verdict, = self.verdicts(fakes.ECHO)
        self.assertEqual((verdict.state, verdict.figure), (State.HOLDS, 1.0))
        with open(self.log, encoding="utf-8") as file:
            first = file.readline()
        self.assertIn("load --connect 127.0.0.1:12345 --clients 10 --duration 0.1", first)
        with open(pids, encoding="utf-8") as file:
            numbers = file.read().split()
        self.assertEqual(len(numbers), 4)
        for pid in numbers:
            self.assertFalse(os.path.exists(f"/proc/{pid}"))


class EchoFiguresTest(unittest.TestCase):
    def test_takes_the_servers_cpu_per_request(self):
        figures = measure.echo_figures({"cpu_us_per_request": 4.85, "errors": {}})
        self.assertEqual((figures["value"], figures["unit"]), (4.85, "us"))

    def test_errors_make_it_worthless(self):
        with self.assertRaises(process.ProgramError):
            measure.echo_figures({"cpu_us_per_request": 4.85, "errors": {"reset": 3}})

    def test_no_figure(self):
        for value in (None, 0, "5"):
            with self.assertRaises(process.ProgramError):
                measure.echo_figures({"cpu_us_per_request": value})


class HttpFiguresTest(unittest.TestCase):
    def test_cpu_time_for_each_request(self):
        figures = measure.http_figures(
            {"requests": 1000, "seconds": 2, "latency_us_p99": 7, "errors": 0}, 0.5)
        self.assertEqual((figures["value"], figures["unit"], figures["requests_per_second"]),
                         (500, "us", 500))

    def test_errors_and_silence_make_it_worthless(self):
        for requests, errors in ((1000, 1), (0, 0)):
            with self.assertRaises(process.ProgramError):
                measure.http_figures(
                    {"requests": requests, "seconds": 2, "latency_us_p99": 7, "errors": errors}, 1)


class ServerTest(unittest.TestCase):
    def refused(self, script, message):
        with tempfile.TemporaryDirectory() as folder:
            path = fakes.program(folder, "server", script)
            with self.assertRaises(process.ProgramError) as caught:
                process.Server([path], start_timeout=5)
            self.assertIn(message, str(caught.exception))

    def test_a_server_that_ends_at_once(self):
        self.refused("exit 1", "printed no port")

    def test_a_server_that_prints_something_else(self):
        self.refused("echo ready; exec sleep 60", "no port")

    def test_a_server_that_died_meanwhile_is_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = fakes.program(folder, "server", "echo 1; kill -ABRT $$")
            with process.Server([path]) as server:
                os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
                with self.assertRaises(process.ProgramError) as caught:
                    server.check_alive()
                self.assertIn("SIGABRT", str(caught.exception))


class MakeRunTest(unittest.TestCase):
    def measured(self, clients, measure='{"run": {"seconds": 30}}'):
        with tempfile.TemporaryDirectory() as clone:
            os.makedirs(os.path.join(clone, "build", "report"))
            for report, text in zip(make_run.REPORTS, (clients, measure), strict=True):
                with open(os.path.join(clone, report), "w", encoding="utf-8") as file:
                    file.write(text)
            return make_run.measuring_seconds(clone)

    def test_reads_the_time_of_both_measurements(self):
        self.assertEqual(self.measured('{"run": {"elapsed_seconds": 170.5}}'), 200.5)

    def test_a_report_that_says_nothing_is_an_error(self):
        for text in ("", "{}", '{"run": {"elapsed_seconds": 0}}', '{"run": []}'):
            with self.assertRaises(process.ProgramError):
                self.measured(text)
            with self.assertRaises(process.ProgramError):
                self.measured('{"run": {"elapsed_seconds": 1}}', text)


class AgreementTest(unittest.TestCase):
    # As `weft measure --seed N --json FILE` and `weft compare A B --json -`: two of three points
    # of the files differ if the seeds were as they should be.
    WEFT = """
if [ "$1" = measure ]; then echo "$2 $3" > "$5"; exit; fi
[ "$(cat "$2" "$3" | tr '\\n' ' ')" = "--seed 1 --seed 2 " ] || exit 1
echo '{"only_first": [], "only_second": [], "points": [
    {"differs": false, "named": true}, {"differs": false, "named": false},
    {"differs": true, "named": false}, {"differs": true, "named": false}]}'
"""

    def test_counts_the_points_of_two_runs_that_do_not_differ(self):
        with tempfile.TemporaryDirectory() as folder:
            weft = fakes.program(folder, "weft", self.WEFT)
            found = agreement.measure([weft, "measure"])
        self.assertAlmostEqual(found["value"], 100 / 3)
        self.assertEqual((found["points"], found["unit"]), (3, "%"))

    def test_a_comparison_of_nothing_is_an_error(self):
        both = {"only_first": [], "only_second": []}
        point = {"differs": False, "named": False}
        self.assertEqual(agreement.figures({**both, "points": [point]})["value"], 100)
        for document in ({}, {**both, "points": []}, {**both, "points": [1]},
                         {**both, "points": [{}]}, {**both, "only_second": ["x"], "points": [point]}):
            with self.assertRaises(process.ProgramError):
                agreement.figures(document)


class MachineTest(unittest.TestCase):
    def test_reads_the_cpu_line(self):
        total, busy, steal = machine.parse_cpu_line("cpu  10 1 5 100 4 2 3 25 7 0")
        self.assertEqual((total, busy, steal), (150, 21, 25))

    def test_reads_the_line_of_a_process(self):
        fields = "S 77 1 1 0 -1 0 0 0 0 0 5 6 7 8 20 0"
        self.assertEqual(machine.parse_process_line(f"42 (a ) b) {fields}"), (77, 26))

    def test_what_a_child_that_still_runs_has_used_is_not_others(self):
        burn = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
        before = machine._cpu_times()[-1]
        with subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            used = machine._cpu_times()[-1] - before
            child.communicate(b"\n")
        self.assertGreaterEqual(used, 0.45)


if __name__ == "__main__":
    unittest.main()
