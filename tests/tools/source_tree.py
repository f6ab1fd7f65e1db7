# SPDX-License-Identifier: Apache-2.0
"""A made-up source tree on which a checker of tools/ is run."""

import contextlib
import importlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))


class SourceTreeTest(unittest.TestCase):
    checker: str  # the name of a module with a function check(root)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path: str, text: str = ""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def check(self) -> tuple[int, str]:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = importlib.import_module(self.checker).check(self.root)
        return status, output.getvalue()

    def assert_clean(self):
        self.assertEqual(self.check(), (0, ""))

    def assert_finding(self, *parts: str):
        status, output = self.check()
        self.assertEqual(status, 1, output)
        first = output.splitlines()[0]
        for part in parts:
            self.assertIn(part, first)
        self.assertIn("1 findings", output)
