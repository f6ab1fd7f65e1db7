#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cancel requests end the query of the client that they mean, and never another's."""
import random
import unittest

import rig
from wire_client import CANCEL_CODE, SYNC, Channel, query, request, statement


@rig.modes(*rig.ALL)
class Cancel(rig.PoolCase):
    """By the key that the client was given when it logged in."""

    settings = {"default_pool_size": 2}

    def sleepers(self):
        return len(self.backends("query like '%pg_sleep%' and state = 'active'"))

    def test_simple_query(self):
        client = self.client()
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        client.cancel()
        answer = client.answer()
        self.assertEqual((answer.sqlstates, answer.status), (["57014"], "I"))
        self.assertEqual(client.value("select 1"), "1")

    def test_extended_query(self):
        client = self.client()
        client.send(statement("select pg_sleep($1)", [60]), SYNC, statement("select 2"), SYNC)
        self.wait_for_query("pg_sleep")
        client.cancel()
        self.assertEqual(client.answer().sqlstates, ["57014"])
        self.assertEqual(client.answer().rows, [["2"]])

    def test_over_tcp(self):
        client = self.client(address=self.tcp)
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        client.cancel()
        self.assertEqual(client.answer().sqlstates, ["57014"])

    def test_copy_in_progress(self):
        client = self.client()
        client.send(query("copy (select pg_sleep(60)) to stdout"))
        self.wait_for_query("pg_sleep")
        client.cancel()
        self.assertEqual(client.answer().sqlstates, ["57014"])

    def test_wrong_secret_cancels_nothing(self):
        client = self.client()
        client.send(query("select pg_sleep(0.5)"))
        self.wait_for_query("pg_sleep")
        for secret in [client.key[:4] + b"\0\0\0\0", b"\0\0\0\0" + client.key[4:], client.key[:7],
                       client.key + b"\0"]:
            with Channel(self.path) as other:
                other.send(request(CANCEL_CODE, secret))
                other.rest()
        self.assertEqual(client.answer().errors, [])

    def test_idle_client_has_nothing_to_cancel(self):
        client = self.client()
        client.cancel()
        self.assertEqual(client.value("select 1"), "1")

    def test_one_of_many(self):
        sleepers = [self.client() for _ in range(2)]
        for client in sleepers:
            client.send(query("select pg_sleep(60)"))
        rig.eventually(lambda: self.sleepers() == 2, "two that sleep")
        sleepers[1].cancel()
        self.assertEqual(sleepers[1].answer().sqlstates, ["57014"])
        self.assertEqual(self.sleepers(), 1)
        sleepers[0].cancel()
        self.assertEqual(sleepers[0].answer().sqlstates, ["57014"])

    @rig.but_for("direct", "nobody waits for a server")
    @rig.but_for("pgbouncer", "1.18 forgets it")
    def test_the_waiting_are_cancelled_without_a_server(self):
        if self.mode == "session":
            self.skipTest("each client of this mode has its server")
        busy, waiting = [self.client() for _ in range(2)], self.client()
        for client in busy:
            client.send(query("select pg_sleep(60)"))
        rig.eventually(lambda: self.sleepers() == 2, "two that sleep")
        waiting.send(query("select 'never'"))
        waiting.cancel()
        self.assertEqual(waiting.answer().sqlstates, ["57014"])
        for client in busy:
            client.cancel()
            self.assertEqual(client.answer().sqlstates, ["57014"])


@rig.modes("transaction", "statement")
class CancelOfOthers(rig.PoolCase):
    """One server for two clients: the first one's key must not reach the second one's query."""

    settings = {"default_pool_size": 1}

    def test_key_of_the_client_before(self):
        first, second = self.client(), self.client()
        first.run("select 1")
        second.send(query("select pg_sleep(0.3), 'mine'"))
        self.wait_for_query("mine")
        for _ in range(20):
            first.cancel()
        answer = second.answer()
        self.assertEqual((answer.errors, len(answer.rows)), ([], 1))

    @rig.but_for("pgbouncer", "1.18 lets a late cancel hit whoever has the server then")
    def test_cancel_that_races_with_the_end_of_its_query(self):
        chance = random.Random(7)
        first, second = self.client(), self.client()
        for _ in range(200):
            first.send(query(f"select count(*) from generate_series(1, {chance.randrange(20_000)})"))
            with Channel(self.path) as cancel:
                cancel.send(request(CANCEL_CODE, first.key))
                second.send(query("select count(*) from generate_series(1, 10000)"))
                mine = first.answer()
                self.assertIn(mine.sqlstates, ([], ["57014"]))
                self.assertEqual(second.answer().rows, [["10000"]])
                cancel.rest()


if __name__ == "__main__":
    unittest.main()
