#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weft measure` as its users run it. WEFT_PROGRAM names the program.

How fast this machine is nobody knows: what is judged is that the figures fit together.
"""

import csv
import io
import json
import pathlib
import signal
import tempfile
import unittest

import weft_program
from weft_program import run

LITTLE = ["--quick", "--rounds", "2", "--only", "steps,copy_on_write"]


def shared_memory_of(process):
    """System V's segments that the process has made."""
    with open("/proc/sysvipc/shm", encoding="ascii") as table:
        head, *rows = (line.split() for line in table)
    return [row for row in rows if row[head.index("cpid")] == process]


class Measure(unittest.TestCase):
    def test_json_has_claims_figures_and_how_sure_they_are(self):
        done = run("measure", *LITTLE, "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual(document["schema_version"], 1)
        self.assertEqual([claim["id"] for claim in document["claims"]],
                         [f"C{number}" for number in range(1, 31)])
        measured = [claim["id"] for claim in document["claims"] if claim["mark"]]
        self.assertIn("C16", measured)
        self.assertNotIn("C2", measured)
        figures = {figure["id"]: figure for figure in document["figures"]}
        self.assertIn("step.system_call", figures)
        for figure in figures.values():
            for point in figure["points"]:
                self.assertLessEqual(point["low"], point["median"])
                self.assertLessEqual(point["median"], point["high"])
                self.assertEqual(point["rounds"], 2)
        copied = figures["cow.private"]["points"][0]["median"]
        shared = figures["shared.private"]["points"][0]["median"]
        self.assertGreater(copied, 90)
        self.assertLess(shared, 10)
        self.assertIn("C16", done.stderr, "the table goes to where standard output is not")

    def test_csv_has_a_line_for_each_point(self):
        done = run("measure", *LITTLE, "--csv", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertIn("cow.child", [row["figure"] for row in rows])
        for row in rows:
            self.assertLessEqual(float(row["low"]), float(row["high"]))

    def test_html_is_one_file(self):
        with tempfile.TemporaryDirectory(prefix="weft-e2e-") as folder:
            path = pathlib.Path(folder) / "report.html"
            done = run("measure", *LITTLE, "--html", str(path))
            self.assertEqual(done.returncode, 0, done.stderr)
            page = path.read_text()
        self.assertTrue(page.rstrip().endswith("</html>"))
        self.assertIn("C16", page)
        self.assertLess(len(page), 1 << 20)

    def test_lists_and_explains(self):
        listed = run("measure", "--list")
        self.assertEqual(listed.returncode, 0)
        self.assertIn("fork.call", listed.stdout)
        explained = run("measure", "--explain", "C16")
        self.assertEqual(explained.returncode, 0)
        self.assertIn("copy_on_write", explained.stdout)

    def test_bad_options_are_named_in_one_line(self):
        for arguments, message in [
                (["--only", "spoon"], "'spoon'"), (["--explain", "C99"], "'C99'"),
                (["--rounds", "0"], "from 1 to"), (["--postgres", "x"], "neither auto nor off"),
                (["--seed", "x"], "whole number"),
                (["--json", "/nowhere/x.json"], "cannot write"),
                (["--json", "-", "--csv", "-"], "standard output")]:
            with self.subTest(arguments=arguments):
                done = run("measure", *arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"\Aweft: [^\n]+\n\Z")
                self.assertIn(message, done.stderr)

    def test_postgres_may_be_turned_off(self):
        done = run("measure", "--only", "postgres", "--postgres", "off")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("it was turned off", done.stdout)

    def test_an_interrupt_leaves_no_process(self):
        with weft_program.Run("measure", "--only", "fork,exec", "--rounds", "50") as program:
            program.wait_for_progress("resident memory")
            program.process.send_signal(signal.SIGINT)
            status, text = program.wait()
            self.assertEqual(status, 130)
            self.assertIn("what people say", text)
            program.wait_until_none_lives()

    def test_an_interrupt_ends_the_server_and_removes_its_data(self):
        if not list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")):
            self.skipTest("PostgreSQL is not installed")
        with tempfile.TemporaryDirectory(prefix="weft-e2e-") as name:
            folder = pathlib.Path(name)
            folder.chmod(0o755)  # the server is nobody's if this is root's
            with weft_program.Run("measure", "--only", "postgres", "--rounds", "50",
                                  environment={"TMPDIR": name}) as program:
                program.wait_until(lambda: list(folder.glob("*/.s.PGSQL.5432")))
                servers = [path.read_text().split()[0]
                           for path in folder.glob("*/data/postmaster.pid")]
                program.process.send_signal(signal.SIGINT)
                self.assertEqual(program.wait()[0], 130)
                self.assertEqual(list(folder.iterdir()), [])
                self.assertEqual(len(servers), 1)
                self.assertFalse(pathlib.Path("/proc", servers[0]).exists())
                self.assertEqual(shared_memory_of(servers[0]), [])

    def test_compares_two_runs(self):
        with tempfile.TemporaryDirectory(prefix="weft-e2e-") as folder:
            path = pathlib.Path(folder) / "a.json"
            done = run("measure", "--quick", "--only", "steps", "--json", str(path))
            self.assertEqual(done.returncode, 0, done.stderr)
            same = run("compare", str(path), str(path), "--json", "-")
            self.assertEqual(same.returncode, 0, same.stderr)
            document = json.loads(same.stdout)
            self.assertGreater(len(document["points"]), 1)
            self.assertFalse(any(point["differs"] for point in document["points"]))
            self.assertIn("0 of", same.stderr)
            path.write_text("{}")
            wrong = run("compare", str(path), str(path))
            self.assertEqual(wrong.returncode, 1)
            self.assertRegex(wrong.stderr, r"\Aweft: [^\n]+\n\Z")
        missing = run("compare", "/nowhere/a.json", "/nowhere/b.json")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("No such file", missing.stderr)

    def test_the_doctor_looks_at_this_machine(self):
        done = run("doctor")
        self.assertEqual(done.returncode, 0, done.stderr)
        for what in ("descriptors", "guard pages", "clock"):
            self.assertRegex(done.stdout, f"(?m)^(fine|limited) +{what}")

    def test_a_part_is_not_started_by_hand(self):
        done = run("_measure")
        self.assertEqual(done.returncode, 2)
        self.assertIn("not by hand", done.stderr)


if __name__ == "__main__":
    unittest.main()
