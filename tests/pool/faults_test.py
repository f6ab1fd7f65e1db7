#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that go, servers that die. Whoever comes next finds a clean server."""
import contextlib
import resource
import socket
import struct
import unittest

import rig
from wire_client import Closed, ServerError, bind, message, parse, query, statement


class OneServer(rig.PoolCase):
    """All clients of a class have one server to share: what one leaves behind, the next one finds."""

    settings = {"default_pool_size": 1, "server_login_retry": 0.1}

    def assert_clean(self):
        """What the next client sees."""
        self.check_servers()
        client = self.client()
        answer = client.run("select 1")
        self.assertEqual((answer.rows, answer.status), ([["1"]], "I"))
        client.end()


@rig.modes(*rig.ALL)
class ClientGone(OneServer):
    """Without a word, in each state of the protocol."""

    def test_idle(self):
        client = self.client()
        client.run("select 1")
        client.vanish()
        self.assert_clean()

    def test_during_login(self):
        client = self.client(login=False)
        client.vanish()
        self.assert_clean()

    def test_in_a_query(self):
        client = self.client()
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        client.vanish()
        self.assert_clean()

    def test_in_an_extended_query_before_sync(self):
        client = self.client()
        client.send(statement("select pg_sleep(60)"), message("H"))
        self.wait_for_query("pg_sleep")
        client.vanish()
        self.assert_clean()

    def test_between_parse_and_sync(self):
        client = self.client()
        client.send(parse("select 1", name="left behind"), bind(statement="left behind"),
                    message("H"))
        self.assertEqual([client.receive()[0] for _ in range(2)], ["1", "2"])
        client.vanish()
        self.assert_clean()

    def test_in_the_middle_of_a_message(self):
        client = self.client()
        client.send(query("select 1")[:7])
        client.vanish()
        self.assert_clean()

    def test_in_the_middle_of_a_message_of_a_transaction(self):
        if self.mode == "statement":
            self.skipTest("no transactions in this mode")
        client = self.client()
        client.run("begin")
        client.run("select 1")
        client.send(query("commit")[:8])
        client.vanish()
        self.assert_clean()

    def test_with_a_result_that_nobody_reads(self):
        client = self.client()
        client.send(query("select repeat('x', 1000) from generate_series(1, 1000000)"))
        client.receive()
        client.vanish()
        self.assert_clean()

    def test_with_a_reset_of_the_connection(self):
        client = self.client(address=self.tcp)
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.vanish()
        self.assert_clean()

    def test_half_open_gets_its_answer(self):
        """Who has shut down its side for writing after a query may still want to read."""
        client = self.client()
        client.send(query("select 'answered'"), message("X"))
        client.socket.shutdown(socket.SHUT_WR)
        kinds = "".join(kind for kind, _ in client.rest())
        self.assertEqual(kinds[:1] if kinds else "T", "T")
        self.assert_clean()


@rig.modes(*rig.TRANSACTIONS)
class ClientGoneInTransaction(OneServer):
    """Nothing of it may be kept."""

    def test_open(self):
        table = self.fresh_table()
        client = self.client()
        client.run("begin")
        client.run(f"insert into {table} values (1, 'lost')")
        client.vanish()
        self.assert_clean()
        self.assertEqual(self.client().value(f"select count(*) from {table}"), "0")

    def test_failed(self):
        client = self.client()
        client.run("begin")
        client.send(query("select 1 / 0"))
        client.answer()
        client.vanish()
        self.assert_clean()

    def test_with_goodbye(self):
        table = self.fresh_table()
        client = self.client()
        client.run("begin")
        client.run(f"lock table {table}")
        client.end()
        self.assert_clean()
        self.client().run(f"insert into {table} values (1, 'free again')")

    def test_in_a_query(self):
        client = self.client()
        client.run("begin")
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        client.vanish()
        self.assert_clean()


@rig.modes(*rig.ALL)
class ServerKilled(OneServer):
    """By pg_terminate_backend, as an administrator does it, or with all others at a restart."""

    def kill_all(self):
        """Those that are there now; others may come at once."""
        killed = self.backends()
        self.postgres.sql(f"select pg_terminate_backend(pid) from unnest(array{killed}::int[]) pid")
        rig.eventually(lambda: not set(killed) & set(self.backends()), "ended, and still there")

    def test_in_a_query(self):
        client = self.client()
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        self.kill_all()
        kinds = client.rest()
        self.assertEqual([kind for kind, _ in kinds if kind == "E"][:1], ["E"])
        self.assert_clean()

    def test_in_the_middle_of_a_result(self):
        client = self.client()
        client.send(query("select repeat('x', 1000), generate_series(1, 100000000)"))
        for _ in range(1000):
            client.receive()
        self.kill_all()
        kinds = [kind for kind, _ in client.rest()]
        self.assertNotIn("C", kinds)
        self.assert_clean()

    def test_idle_client_does_not_notice(self):
        if self.mode not in ("transaction", "statement"):
            self.skipTest("the client's session is the one that was ended")
        client = self.client()
        client.run("select 1")
        self.kill_all()
        self.assertEqual(rig.eventually(lambda: self.tried(client, "select 2"), "an answer"), "2")

    def tried(self, client, sql):
        """A query that meets a server that has just died may fail, but only by an error."""
        client.send(query(sql))
        answer = client.answer()
        return answer.rows[0][0] if answer.rows else None

    def test_in_a_transaction(self):
        if self.mode == "statement":
            self.skipTest("no transactions in this mode")
        client = self.client()
        client.run("begin")
        client.run("select 1")
        self.kill_all()
        with contextlib.suppress(BrokenPipeError):  # it may know already
            client.send(query("select 2"), query("commit"))
        kinds = [kind for kind, _ in client.rest()]
        self.assertNotIn("C", kinds)
        self.assert_clean()

    def test_while_others_wait(self):
        clients = [self.client(login=False) for _ in range(20)]
        if rig.TARGET == "direct" or self.mode == "session":
            self.skipTest("nobody waits for a server")
        for client in clients:
            client.login()
            client.send(query("select pg_sleep(0.01)"))
        self.kill_all()
        served = 0
        for client in clients:
            kinds = []
            try:
                while "Z" not in kinds:
                    kinds.append(client.receive()[0])
                served += "C" in kinds
            except Closed:
                self.assertIn("E", kinds)
        self.assertGreaterEqual(served, 10)
        self.assert_clean()

    def test_postgres_restarted(self):
        client = self.client()
        client.run("select 1")
        self.postgres.restart()
        self.assertEqual(rig.eventually(self.from_a_new_client, "an answer after the restart"), "1")

    def from_a_new_client(self):
        try:
            client = self.client()
            return client.value("select 1")
        except (ServerError, Closed, OSError):
            return None

    @rig.but_for("direct", "nobody is there to tell")
    def test_postgres_away(self):
        """Whoever asks meanwhile is told, or served when it is back; nobody waits for ever."""
        before = self.client()
        before.run("select 1")
        self.postgres.halt()
        try:
            with contextlib.suppress(BrokenPipeError):  # it may have been told already
                before.send(query("select 1"))
            during = self.client(login=False)
        finally:
            self.postgres.start()
        for client in (before, during):
            with contextlib.suppress(Closed):
                client.receive()
        self.assertEqual(rig.eventually(self.from_a_new_client, "an answer"), "1")


@rig.modes("statement")
class StatementMode(OneServer):
    """A server for one statement, so that transactions are refused."""

    @rig.but_for("direct", "it has no modes")
    def test_transaction_is_refused(self):
        client = self.client()
        client.send(query("begin"))
        messages = client.rest()
        self.assertIn("E", [kind for kind, _ in messages])
        self.assert_clean()

    @rig.but_for("direct", "it has no modes")
    def test_whole_transaction_in_one_query(self):
        table = self.fresh_table()
        client = self.client()
        client.run(f"begin; insert into {table} values (1, 'a'); commit")
        self.assertEqual(client.value(f"select count(*) from {table}"), "1")


class Limits(rig.PoolCase):
    """What the system refuses costs the connection that wanted it, and no other."""

    def assert_alive(self, old):
        self.assertTrue(self.server.process.running())
        for each in (old, self.client()):
            self.assertEqual(each.value("select 1"), "1")


@rig.modes("transaction")
@rig.pooled
class OutOfMemory(Limits):
    settings = {"default_pool_size": 80}
    limits = [(resource.RLIMIT_AS, 800 << 20)]

    @rig.but_for("pgbouncer", "reads such a message in parts")
    def test_for_messages(self):
        old = self.client()
        old.run("begin; select 1")  # others may wait for a server that nobody has memory for
        # A Parse with a name is held until all of it is there.
        part = parse("select '" + "x" * (15 << 20) + "'", name="large")[:-1000]
        greedy = [self.client() for _ in range(60)]
        refused = 0
        for each in greedy:
            each.socket.settimeout(3)
            try:
                each.send(part)
            except TimeoutError:
                break  # nor is there memory for one more server, so that it waits
            except OSError:
                refused += 1
        self.assertGreater(refused, 0)
        self.assertLess(refused, len(greedy))
        self.assertEqual(old.value("select 1"), "1")
        for each in greedy:
            each.vanish()
        old.run("commit")
        self.assert_alive(old)


@rig.modes("transaction")
@rig.pooled
class OutOfDescriptors(Limits):
    limits = [(resource.RLIMIT_NOFILE, 64)]

    def test_for_connections(self):
        old = self.client()
        old.run("select 1")
        many = [self.client(login=False) for _ in range(100)]
        self.assertEqual(old.value("select 1"), "1")
        for each in many:
            each.vanish()
        self.assert_alive(old)


if __name__ == "__main__":
    unittest.main()
