#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replication connections: they pass in all modes, each by a server connection of its own."""
import atexit
import functools
import subprocess
import unittest

import rig
import servers
from wire_client import ServerError

OLDER = rig.but_for("pgbouncer", "before 1.23 it refuses them")


@functools.cache
def publisher():
    """A PostgreSQL whose changes can be decoded."""
    server = servers.Postgres(wal_level="logical")
    atexit.register(server.stop)
    return server


@rig.modes(*rig.ALL)
@OLDER
class Replication(rig.PoolCase):

    @classmethod
    def setUpClass(cls):
        cls.postgres = cls.server = publisher()
        if rig.TARGET != "direct":
            cls.server = servers.Pooler(rig.program(), cls.postgres,
                                        {"pool_mode": cls.mode, "default_pool_size": 1})
            cls.addClassCleanup(cls.server.stop)

    def senders(self):
        return int(self.postgres.sql(
            "select count(*) from pg_stat_activity where backend_type = 'walsender'"))

    def replicating(self, kind, **options):
        return self.client(user="weft", replication=kind, **options)

    def test_of_a_database(self):
        for address in (self.path, self.tcp):
            client = self.replicating("database", address=address, application_name="copy")
            self.assertEqual(client.run("IDENTIFY_SYSTEM").rows[0][3], "shop")
            self.assertEqual(client.value("select current_database()"), "shop")
            self.assertEqual(client.value("show application_name"), "copy")
            client.end()
        rig.eventually(lambda: self.senders() == 0, "server connections stay")

    def test_of_all(self):
        for kind in ("true", "on", "1"):
            client = self.replicating(kind)
            self.assertIsNone(client.run("IDENTIFY_SYSTEM").rows[0][3])
            client.vanish()
        rig.eventually(lambda: self.senders() == 0, "server connections stay")

    def test_it_is_nobody_elses(self):
        client = self.replicating("database")
        client.run("IDENTIFY_SYSTEM")
        for _ in range(3):
            with self.client(user="weft") as other:
                with self.assertRaises(ServerError) as error:
                    other.run("IDENTIFY_SYSTEM")
                self.assertEqual(error.exception.sqlstate, "42601")
                other.end()
        self.assertEqual(self.senders(), 1)
        client.end()

    def test_what_is_none(self):
        with self.client(user="weft", replication="false") as client:
            self.assertEqual(client.value("select 1"), "1")
            client.end()
        with self.assertRaises(ServerError) as error:
            self.replicating("sometimes")
        self.assertEqual(error.exception.fields["M"],
                         'invalid value for parameter "replication": "sometimes"')

    def test_who_may_not(self):
        with self.assertRaises(ServerError) as error:
            self.client(user="ann", replication="database")
        self.assertIn("replication", error.exception.fields["M"].lower())

    def connection(self, more=""):
        return f"host=127.0.0.1 port={self.server.port} user=weft dbname=shop {more}"

    def test_psql(self):
        done = subprocess.run(
            [servers.find_program("psql"), "-X", "-A", "-t", "-c", "IDENTIFY_SYSTEM",
             self.connection("replication=database")], capture_output=True, text=True,
            timeout=rig.DEADLINE_SECONDS, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.strip().endswith("|shop"), done.stdout)

    def test_changes_are_received(self):
        table = self.fresh_table()
        slot = f"slot_{self.mode}"
        receive = [servers.find_program("pg_recvlogical"), "-d", self.connection(), "-S", slot]
        subprocess.run([*receive, "--create-slot", "-P", "test_decoding"], check=True,
                       timeout=rig.DEADLINE_SECONDS)
        with subprocess.Popen([*receive, "--start", "-f", "-", "-F", "0"], stdout=subprocess.PIPE,
                              text=True) as receiver:
            try:
                writer = self.client(user="weft")
                many = 1000
                writer.run(f"insert into {table} select i, repeat('x', 1000) "
                           f"from generate_series(1, {many}) i")
                writer.end()
                seen = 0
                while seen < many:
                    line = receiver.stdout.readline()
                    self.assertTrue(line, f"{seen} of {many}")
                    seen += f"table public.{table}: INSERT: id[integer]:{seen + 1} " in line
                self.assertEqual(self.senders(), 1)
            finally:
                receiver.terminate()
        rig.eventually(lambda: self.senders() == 0, "server connections stay")
        subprocess.run([*receive, "--drop-slot"], check=True, timeout=rig.DEADLINE_SECONDS)


if __name__ == "__main__":
    unittest.main()
