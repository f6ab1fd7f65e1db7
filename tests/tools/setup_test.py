#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/setup with a made-up dpkg-query and apt-get: nothing is installed here."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SETUP = Path(__file__).resolve().parent.parent.parent / "tools" / "setup"


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess:
    environment = dict(os.environ) if path is None else {**os.environ, "PATH": path}
    return subprocess.run(["/bin/bash", SETUP, *arguments], env=environment,
                          capture_output=True, text=True, check=False)


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.log = self.folder / "log"

    def command(self, name: str, script: str):
        file = self.folder / name
        file.write_text(f"#!/bin/bash\necho {name} \"$*\" >> {self.log}\n{script}\n")
        file.chmod(0o755)

    def run_with_packages(self, installed: list[str], *arguments: str, apt: str = "exit 0"):
        listed = " ".join(f"installed={name}" for name in installed)
        self.command("dpkg-query", f"echo -n '{listed} not-installed=ninja-build '; exit 1")
        self.command("apt-get", apt)
        done = run(*arguments, path=f"{self.folder}:/usr/bin:/bin")
        return done, self.log.read_text().splitlines()

    def packages(self, group: str) -> list[str]:
        return run("--list", group).stdout.split()

    def test_groups_contain_the_default(self):
        default = set(self.packages("build"))
        self.assertIn("g++", default)
        for group in ("bench", "posix", "pool", "aarch64", "coverage", "fuzz", "ci"):
            self.assertLess(default, set(self.packages(group)))
        for group in ("bench", "posix", "pool", "aarch64", "fuzz"):
            self.assertLessEqual(set(self.packages(group)), set(self.packages("ci")))

    def test_silent_when_nothing_is_missing(self):
        done, calls = self.run_with_packages(self.packages("build"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(len(calls), 1, calls)

    def test_installs_or_says_what_to_run(self):
        rest = [name for name in self.packages("build") if name not in ("g++", "ninja-build")]
        done, calls = self.run_with_packages(rest)
        line = "install -y --no-install-recommends g++ ninja-build"
        if os.geteuid() == 0:
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(line, calls[1])
        else:
            self.assertEqual(done.returncode, 1)
            self.assertIn(line, done.stderr)
            self.assertEqual(len(calls), 1, calls)

    @unittest.skipUnless(os.geteuid() == 0, "only root installs")
    def test_updates_old_lists_and_reports_failure(self):
        done, calls = self.run_with_packages([], apt='[[ $1 == update ]]')
        self.assertNotEqual(done.returncode, 0)
        verbs = [call.split()[1] for call in calls if call.startswith("apt-get")]
        self.assertEqual(verbs, ["install", "update", "install"])

    def test_without_apt(self):
        (self.folder / "bash").symlink_to("/bin/bash")
        done = run(path=str(self.folder))
        self.assertEqual(done.returncode, 1)
        self.assertIn("no apt-get here", done.stderr)

    def test_unknown_group(self):
        done = run("everything")
        self.assertEqual(done.returncode, 2)
        self.assertIn("tools/setup bench", done.stderr)
        self.assertIn("tools/setup --list", done.stderr)


if __name__ == "__main__":
    unittest.main()
