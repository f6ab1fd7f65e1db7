#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weft clients` from the command line to the report. WEFT_PROGRAM names the program."""

import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import weft_program
from weft_program import Run as Program, run

MODELS = ["process", "thread", "fiber", "coroutine"]
SMALL = ["--clients", "60", "--duration", "0.2"]


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weft-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def measure(self, *arguments, **options):
        """A run that must succeed: its results and its table."""
        path = self.folder / "results.json"
        done = run("clients", *arguments, "--json", str(path), **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(path.read_text()), done.stdout


class Options(InFolder):
    def assert_refused(self, arguments, message):
        with self.subTest(arguments=arguments):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\Aweft: [^\n]+\n\Z")
            self.assertIn(message, done.stderr)

    def test_bad_ones_are_named_in_one_line(self):
        for option, value, message in [
                ("--clients", "0", "from 1 to"), ("--clients", "many", "whole number"),
                ("--clients", "-5", "whole number"), ("--clients", "10 ", "whole number"),
                ("--clients", "99999999999999999999", "whole number"),
                ("--models", "goroutine", "no model 'goroutine'"),
                ("--models", "fiber,fiber", "twice"), ("--models", "fiber,", "no model ''"),
                ("--duration", "0", "from 0.1"), ("--duration", "nan", "no number"),
                ("--duration", "3s", "no number"), ("--message-size", "8", "not from 16"),
                ("--message-size", "1M", "not from 16"), ("--message-size", "x", "no size"),
                ("--handler", "sing", "no handler"), ("--handler", "compute", "takes a number"),
                ("--handler", "sleep:-1", "takes a number"), ("--handler", "echo:1", "no number"),
                ("--rate", "0", "from 1"), ("--seed", "x", "whole number"),
                ("--repeat", "0", "from 1"), ("--poison", "none", "no poison"),
                ("--workers", "0", "from 1"), ("--thread-stack", "1K", "not from"),
                ("--fiber-stack", "1K", "not from"), ("--json", "/nowhere/x.json", "cannot write"),
                ("--html", "/", "cannot write"), ("--html", "", "--html"),
                ("--html", "-", "name a file")]:
            self.assert_refused(["clients", f"{option}={value}"], message)

    def test_unknown_ones_and_no_command_at_all(self):
        self.assert_refused(["clients", "--clinets", "5"], "--clinets")
        self.assert_refused(["clients", "5"], "5")
        self.assert_refused(["clients", "--clients"], "--clients")
        self.assert_refused(["weave"], "subcommand")
        self.assert_refused([], "subcommand")

    def test_help_and_version(self):
        self.assertRegex(run("--version").stdout, r"\Aweft \d+\.\d+\.\d+\n\Z")
        done = run("clients", "--help")
        self.assertEqual(done.returncode, 0)
        for option in ["--clients", "--models", "--duration", "--message-size", "--handler",
                       "--rate", "--json", "--html", "--seed", "--repeat", "--poison"]:
            self.assertIn(option, done.stdout)
        self.assertNotIn("_server", run("--help").stdout)

    def test_the_words_for_internal_use_end_without_their_channel(self):
        for word in ["_server", "_load", "_probe"]:
            self.assertEqual(run(word).returncode, 2)


class Run(InFolder):
    def assert_load_phase(self, phase, clients):
        self.assertEqual(phase["clients"], clients)
        self.assertGreater(phase["requests"], 0)
        self.assertEqual(phase["errors"], 0)
        self.assertGreater(phase["cpu_us_per_request"], 0)
        latency = phase["latency"]
        self.assertLessEqual(latency["p50_us"], latency["p99_us"])
        self.assertLessEqual(latency["p99_us"], latency["max_us"])
        self.assertEqual(sum(bucket["count"] for bucket in phase["histogram"]), latency["count"])

    def assert_model(self, model, clients):
        self.assertEqual(model["outcome"]["state"], "ok")
        one = model["repeats"][0]
        self.assertEqual(one["connect"]["clients"], clients)
        self.assertEqual(one["connect"]["failures"], 0)
        for kind in ["virtual", "resident", "proportional", "private", "page_table",
                     "kernel_stack", "socket", "slab"]:
            self.assertIsNotNone(one["idle"]["server"]["memory"][f"{kind}_bytes"], kind)
        for phase in ["closed", "open", "idle_majority"]:
            self.assert_load_phase(one[phase], clients)
        self.assertEqual(one["closed"]["active_clients"], clients)
        self.assertLess(one["idle_majority"]["active_clients"], clients)

    def test_all_models_and_all_phases(self):
        page = self.folder / "report.html"
        results, table = self.measure(*SMALL, "--seed", "3", "--html", str(page))
        self.assertEqual([model["model"] for model in results["models"]], MODELS)
        for model in results["models"]:
            self.assert_model(model, 60)
        self.assertEqual(sorted(results["run"]["order"]), sorted(MODELS))
        processes = {model["model"]: model["repeats"][0]["idle"]["server"]["processes"]
                     for model in results["models"]}
        self.assertEqual(processes, {"process": 61, "thread": 1, "fiber": 1, "coroutine": 1})
        threads = results["models"][1]["repeats"][0]["idle"]["server"]["threads"]
        self.assertGreaterEqual(threads, 61)
        self.assert_same_rate(results)
        claims = ["C24", "C25", "C26", "C27", "C28"]
        if not os.environ.get("WEFT_SANITIZE"):
            claims += ["C5", "C7", "C8", "C10", "C21"]
        for claim in claims:
            self.assertRegex(table, rf"(?m)^{claim} ")
        self.assert_self_contained(page.read_text())
        self.assertEqual(sorted(os.listdir(self.folder)), ["report.html", "results.json"])

    def assert_same_rate(self, results):
        phases = [model["repeats"][0] for model in results["models"]]
        rates = {one["open"]["rate_asked_per_s"] for one in phases}
        self.assertEqual(len(rates), 1)
        slowest = min(one["closed"]["requests_per_s"] for one in phases)
        self.assertAlmostEqual(rates.pop(), slowest / 2, delta=1)

    def assert_self_contained(self, text):
        self.assertTrue(text.startswith("<!DOCTYPE html>"))
        self.assertTrue(text.rstrip().endswith("</html>"))
        self.assertNotIn("{{", text.replace("{{}", ""))
        self.assertNotRegex(text, r"<(script|link|img|iframe)[^>]*(src|href)=")
        self.assertNotRegex(text, r"@import|url\(")
        data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
        charts = {chart["id"]: chart for chart in json.loads(data[1])}
        for name in ["memory", "throughput", "cpu", "latency-closed", "latency-open"]:
            self.assertIn(name, charts)
            self.assertIn(f'id="chart-{name}"', text)
        self.assertEqual([row["model"] for row in charts["memory"]["rows"]], MODELS)

    def test_piped_output_is_the_table_alone(self):
        done = run("clients", *SMALL, "--models", "fiber")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        self.assertNotRegex(done.stdout, r"[\r\x1b]")
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)

    def test_progress_stays_within_a_terminal(self):
        with Program("clients", *SMALL, "--models", "thread", columns=60) as program:
            status, output = program.wait()
            self.assertEqual(status, 0)
            self.assertNotIn("\r", output)
            lines = re.split(r"\r\x1b\[K", program.seen)
            self.assertTrue(any("thread: connect" in line for line in lines))
            self.assertLess(max(map(len, lines)), 60)
            self.assertEqual(lines[-1], "")  # the line is erased

    def test_json_on_standard_output(self):
        done = run("clients", *SMALL, "--models", "coroutine", "--json", "-")
        self.assertEqual(json.loads(done.stdout)["models"][0]["outcome"]["state"], "ok")
        self.assertIn("coroutine", done.stderr)

    def test_a_reader_that_has_gone_is_no_crash(self):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run([weft_program.PROGRAM, "clients", *SMALL, "--models", "fiber"],
                                  stdout=writer, stderr=subprocess.PIPE, check=False,
                                  timeout=weft_program.DEADLINE_SECONDS)
        finally:
            os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_repeats_a_rate_and_a_handler(self):
        results, table = self.measure("--clients", "20", "--duration", "0.2", "--models",
                                      "thread,coroutine", "--repeat", "2", "--rate", "200",
                                      "--handler", "sleep:500", "--message-size", "4K")
        for model in results["models"]:
            self.assertEqual(len(model["repeats"]), 2)
            for one in model["repeats"]:
                self.assertEqual(one["open"]["rate_asked_per_s"], 200)
                self.assertGreaterEqual(one["open"]["latency"]["p50_us"], 500)
        self.assertEqual(len(results["run"]["order"]), 4)
        self.assertEqual(results["summary"]["thread"]["closed.requests_per_s"]["count"], 2)
        self.assertRegex(table, r"(±|\+-)\d+%")

    def test_what_does_not_fit_is_said_with_the_way_out(self):
        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
        done = run("clients", "--clients", "100000", "--models", "fiber",
                   preexec_fn=few_descriptors)
        self.assertEqual(done.returncode, 1)
        self.assertIn("descriptors", done.stdout)
        self.assertIn("sudo prlimit --pid $$ --nofile=", done.stdout)


    def test_few_descriptors_split_servers_and_generators(self):
        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        path = self.folder / "results.json"
        done = run("clients", "--clients", "600", "--duration", "0.2", "--models",
                   "fiber,coroutine", "--json", str(path), preexec_fn=few_descriptors)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        results = json.loads(path.read_text())
        self.assertEqual(len(results["models"]), 2)
        for model in results["models"]:
            self.assertEqual(model["outcome"]["state"], "ok")
            self.assertGreater(model["servers"], 1)
            self.assertGreater(model["loads"], 1)
            one = model["repeats"][0]
            self.assertEqual(one["idle"]["server"]["processes"], model["servers"])
            self.assertEqual((one["connect"]["clients"], one["connect"]["failures"]), (600, 0))
            for phase in ["closed", "open", "idle_majority"]:
                self.assert_load_phase(one[phase], 600)
            workers = len(os.sched_getaffinity(0)) // model["servers"]
            self.assertEqual(model["workers"], max(1, workers))


class Interrupt(InFolder):
    def interrupt(self, moment, models):
        path = self.folder / "results.json"
        with Program("clients", "--clients", "300", "--duration", "30", "--rate", "2000",
                     "--models", models, "--json", str(path)) as program:
            program.wait_for_progress(moment)
            program.process.send_signal(signal.SIGINT)
            status, output = program.wait()
            self.assertEqual(status, 130, program.seen)
            self.assertEqual(program.living(), [])
            self.assertIn("interrupted", output)
            return path, output

    def test_while_the_clients_connect(self):
        for models in ["process", "thread,fiber"]:
            path, _ = self.interrupt("connect", models)
            self.assertIn(os.listdir(self.folder), [[], [path.name]])

    def test_in_the_middle_of_the_load(self):
        for models in ["process", "fiber"]:
            path, output = self.interrupt(f"{models}: closed loop", models)
            self.assertIn("clients accepted", output)
            results = json.loads(path.read_text())
            self.assertTrue(results["run"]["interrupted"])
            one = results["models"][0]["repeats"][0]
            self.assertEqual(one["outcome"]["state"], "interrupted")
            self.assertIsNotNone(one["idle"])
            self.assertIsNone(one["open"])

    def test_a_model_whose_second_visit_never_came_is_not_ok(self):
        path = self.folder / "results.json"
        models = ["thread", "fiber"]
        with Program("clients", "--clients", "40", "--duration", "3", "--models",
                     ",".join(models), "--json", str(path)) as program:
            for model in models:  # whichever comes second is in its closed loop then
                program.wait_for_progress(f"{model}: closed loop")
            program.process.send_signal(signal.SIGINT)
            self.assertEqual(program.wait()[0], 130, program.seen)
        for model in json.loads(path.read_text())["models"]:
            self.assertEqual(model["outcome"]["state"], "interrupted", model["model"])
            self.assertIsNone(model["repeats"][0]["open"])

    def test_a_load_generator_that_dies_ends_the_phase_at_once(self):
        """Also one in which it has nothing to do: the idle phase."""
        with Program("clients", "--clients", "20", "--duration", "5", "--models",
                     "fiber") as program:
            program.wait_for_progress("fiber: idle")
            for number in program.living():
                if Path(f"/proc/{number}/cmdline").read_bytes() == b"weft\0_load\0":
                    os.kill(number, signal.SIGKILL)
            status, output = program.wait()
            self.assertEqual(status, 1, program.seen)
            self.assertIn("a load generator died", output)
            self.assertNotIn("fiber: closed loop", program.seen)

    def test_nobody_outlives_a_killed_run(self):
        with Program("clients", "--clients", "300", "--duration", "30", "--models",
                     "process") as program:
            program.wait_for_progress("closed loop")
            self.assertGreater(len(program.living()), 300)
            program.process.kill()
            program.process.wait()
            program.wait_until_none_lives()


class Poison(InFolder):
    def poison(self, kind):
        results, table = self.measure("--clients", "50", "--poison", kind)
        self.assertRegex(table, r"(?m)^C18 ")
        phases = {model["model"]: model["repeats"][0]["poison"] for model in results["models"]}
        self.assertEqual({phase["poisoned"] for phase in phases.values()}, {1})
        return phases

    def test_a_deadly_one_takes_all_but_the_other_processes(self):
        for kind, number in [("crash", signal.SIGSEGV), ("overflow", signal.SIGSEGV),
                             ("abort", signal.SIGABRT)]:
            with self.subTest(kind=kind):
                phases = self.poison(kind)
                guilty = phases.pop("process")
                self.assertEqual((guilty["crashed"], guilty["signal"]), (1, 0))
                self.assertEqual((guilty["died"], guilty["survived"]), (1, 49))
                self.assertTrue(guilty["went_on"])
                for phase in phases.values():
                    self.assertEqual((phase["died"], phase["survived"]), (50, 0))
                    self.assertTrue(phase["server_died"])
                    self.assertEqual((phase["crashed"], phase["signal"]), (None, int(number)))

    def test_a_leak_stays_but_in_a_process(self):
        phases = self.poison("leak")
        self.assertTrue(all(phase["went_on"] for phase in phases.values()))
        self.assertEqual({phase["crashed"] for phase in phases.values()}, {0})
        self.assertLess(phases.pop("process")["leaked_bytes"], 1 << 18)
        for phase in phases.values():
            self.assertGreaterEqual(phase["leaked_bytes"], 1 << 19)


class ManyClients(InFolder):
    CLIENTS = 10_000 if "WEFT_SOAK" in os.environ else 2_000

    def test_all_models(self):
        results, table = self.measure("--clients", str(self.CLIENTS), "--duration", "0.5",
                                      deadline=weft_program.LONG_DEADLINE_SECONDS)
        self.assertEqual(results["run"]["clients_asked"], self.CLIENTS)
        changes = results["run"]["adjustments"]
        left_out = [model["outcome"]["reason"] for model in results["models"]
                    if model["outcome"]["state"] == "left_out"]
        if changes or left_out:
            self.skipTest(f"the limits do not allow it: {changes or left_out}")
        for model in results["models"]:
            self.assertEqual(model["outcome"]["state"], "ok")
            self.assertEqual(model["repeats"][0]["connect"]["clients"], self.CLIENTS)
            self.assertEqual(model["repeats"][0]["idle_majority"]["active_clients"],
                             self.CLIENTS // 100)
        self.assertEqual(results["models"][0]["repeats"][0]["idle"]["server"]["processes"],
                         self.CLIENTS + 1)
        self.assertRegex(table, r"(?m)^C28 ")


if __name__ == "__main__":
    unittest.main()
