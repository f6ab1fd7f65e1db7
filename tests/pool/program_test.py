# SPDX-License-Identifier: Apache-2.0
"""weft-pool as a program: its options, its demo, its end."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

import rig
from wire_client import Client, query

INI = """[databases]
shop = host=127.0.0.1 port=5432 password=secret
[pgbouncer]
listen_port = 6500
pool_mode = transaction
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class Program(unittest.TestCase):
    def run_it(self, *arguments):
        return subprocess.run([rig.program(), *arguments], capture_output=True, text=True,
                              timeout=rig.DEADLINE_SECONDS, check=False)

    def file(self, text, name="pgbouncer.ini"):
        folder = tempfile.TemporaryDirectory(prefix="weft-pool-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_help_and_version(self):
        self.assertIn("--demo", self.run_it("--help").stdout)
        self.assertRegex(self.run_it("--version").stdout, r"^weft-pool \d")

    def test_wrong_usage(self):
        for arguments in ((), ("--no-such-option",), ("--port", "1")):
            done = self.run_it(*arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertTrue(done.stderr.startswith("weft-pool: "), done.stderr)

    def test_a_file_is_checked(self):
        self.assertEqual(self.run_it("--check", self.file(INI)).returncode, 0)
        wrong = self.run_it("--check", self.file(INI + "pool_mode = sometimes\n"))
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("pgbouncer.ini:6:", wrong.stderr)
        self.assertNotIn("secret", wrong.stderr)

    def test_an_ini_is_migrated(self):
        done = self.run_it("--migrate", self.file(INI))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("listen_port = 6500", done.stdout)
        again = self.run_it("--check", self.file(done.stdout, "pool.toml"))
        self.assertEqual((again.returncode, again.stderr), (0, ""))

    def test_demo(self):
        port = free_port()
        with subprocess.Popen([rig.program(), "--demo", "--port", str(port)],
                              stderr=subprocess.PIPE, text=True) as demo:
            try:
                said = ""
                while "listening on" not in said:
                    line = demo.stderr.readline()
                    self.assertTrue(line, said)
                    said += line
                with Client(("127.0.0.1", port), user="postgres", database="postgres") as client:
                    client.send(query("show unix_socket_directories"))
                    folder = client.answer().rows[0][0]
                    self.assertTrue(os.path.isdir(folder))
            finally:
                demo.send_signal(signal.SIGINT)
            rest = demo.stderr.read()
            self.assertEqual(demo.wait(rig.DEADLINE_SECONDS), 0, rest)
        self.assertFalse(os.path.exists(folder))
        self.assertFalse(re.search(r"ERROR|FATAL", said + rest), said + rest)


if __name__ == "__main__":
    unittest.main()
