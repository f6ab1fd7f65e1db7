#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""auth_type = pam, before a PAM of this process's own (libpam-wrapper): nothing of the system's."""
import concurrent.futures
import glob
import os
import subprocess
import unittest

import rig
import servers
from wire_client import ServerError

_LIBRARY = "/usr/lib/*/libpam_wrapper.so"
_MODULE = "/usr/lib/*/pam_wrapper/pam_matrix.so"


def wrapper():
    """(library, module) of pam_wrapper, if a program can be started with it."""
    found = [next(iter(glob.glob(name)), None) for name in (_LIBRARY, _MODULE)]
    if None in found:
        raise unittest.SkipTest("libpam-wrapper is not installed")
    started = subprocess.run([rig.program(), "--version"], capture_output=True, check=False,
                             env={**os.environ, "LD_PRELOAD": found[0]})
    if started.returncode != 0:
        raise unittest.SkipTest(f"{rig.program()} does not start with libpam-wrapper")
    return found


@rig.modes("transaction")
class Pam(rig.PoolCase):
    """Who may come is for PAM to say; its password is used at the server, too."""

    settings = {"auth_type": "pam"}
    users = {"ann": "of no use"}

    @classmethod
    def setUpClass(cls):
        library, module = wrapper()
        folder = servers.temporary_folder()
        cls.addClassCleanup(servers.shutil.rmtree, folder)
        known = os.path.join(folder, "known")
        servers.write_file(known, "".join(
            f"{user}:{password}:pgbouncer\n" for user, password in
            (*servers.PASSWORDS.items(), ("ann", "annie"))) + "alice_elsewhere:x:sshd\n")
        servers.write_file(os.path.join(folder, "pgbouncer"),
                           "".join(f"{kind} required {module} passdb={known}\n"
                                   for kind in ("auth", "account")))
        cls.pooler_environment = {"LD_PRELOAD": library, "PAM_WRAPPER": "1",
                           "PAM_WRAPPER_SERVICE_DIR": folder}
        super().setUpClass()
        if "was built without it" in cls.server.process.said():
            raise unittest.SkipTest("built without PAM")

    def refusal(self, **options):
        with self.assertRaises(ServerError) as caught:
            self.client(**options)
        return caught.exception

    @rig.pooled
    def test_right_password(self):
        for user, password in (*servers.PASSWORDS.items(), ("ann", "annie")):
            for address in (self.path, self.tcp):
                with self.subTest(user=user, address=address):
                    client = self.client(address=address, user=user, password=password)
                    self.assertEqual(client.value("select current_user"), user)

    @rig.but_for("pgbouncer", "says 08P01 to all")
    @rig.pooled
    def test_wrong_password(self):
        for user, password in (("alice", "guess"), ("alice", ""), ("mallory", "x"),
                               ("alice_elsewhere", "x"), ("ann", "of no use")):
            with self.subTest(user=user, password=password):
                self.assertRegex(self.refusal(user=user, password=password).sqlstate, "^28")

    @rig.pooled
    def test_many_at_once(self):
        def outcome(password):
            try:
                return self.client(user="alice", password=password).value("select 1")
            except ServerError as error:
                return error.sqlstate

        passwords = [servers.PASSWORDS["alice"], "guess"] * 20
        with concurrent.futures.ThreadPoolExecutor(len(passwords)) as threads:
            self.assertEqual(list(threads.map(outcome, passwords)), ["1", "28000"] * 20)

    @rig.pooled
    def test_log_says_why_and_no_secret(self):
        self.refusal(user="alice", password="a bad guess")
        self.client(user="alice", password=servers.PASSWORDS["alice"])
        said = self.server.process.said()
        self.assertIn("pam_authenticate() failed: ", said)
        for secret in ("a bad guess", *servers.PASSWORDS.values()):
            self.assertNotIn(secret, said)


if __name__ == "__main__":
    unittest.main()
