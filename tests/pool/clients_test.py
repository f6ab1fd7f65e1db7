#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients on few servers: each gets its own answers, and no more servers than it may."""
import selectors
import unittest

import rig
from wire_client import SYNC, bind, describe, execute, parse, query, statement

CLIENTS = 500
SERVERS = 5


@rig.modes("transaction", "statement")
class ManyClients(rig.PoolCase):
    """500 at once on 5 servers."""

    settings = {"default_pool_size": SERVERS}

    def setUp(self):
        super().setUp()
        # PostgreSQL itself cannot hold as many.
        self.count = 20 if rig.TARGET == "direct" else CLIENTS
        self.most = self.count if rig.TARGET == "direct" else SERVERS

    def clients(self, most=CLIENTS):
        clients = [self.client(login=False) for _ in range(min(self.count, most))]
        for client in clients:
            client.login()
        return clients

    def test_each_gets_its_own_answers(self):
        clients = self.clients()
        for turn in range(5):
            for number, client in enumerate(clients):
                client.send(query(f"select {number}, {turn}"))
            for number, client in enumerate(clients):
                self.assertEqual(client.answer().rows, [[str(number), str(turn)]])
        self.assertLessEqual(len(self.backends()), self.most)

    def test_pipelines_of_all(self):
        clients = self.clients()
        for number, client in enumerate(clients):
            client.send(*(statement("select $1::int * $2::int", [number, turn]) + SYNC
                          for turn in range(10)))
        for number, client in enumerate(clients):
            for turn in range(10):
                self.assertEqual(client.answer().rows, [[str(number * turn)]])
        self.assertLessEqual(len(self.backends()), self.most)

    @rig.but_for("pgbouncer", "1.18 has no prepared statements in these modes")
    def test_the_same_statement_by_all(self):
        clients = self.clients()
        for number, client in enumerate(clients):
            client.send(parse("select $1::int + 1", name="same"), describe("S", "same"),
                        bind([number], statement="same"), execute(), SYNC)
        for number, client in enumerate(clients):
            answer = client.answer()
            self.assertEqual((answer.kinds, answer.rows), ("1tT2DCZ", [[str(number + 1)]]))

    def test_come_and_go(self):
        for _ in range(5):
            clients = self.clients(100)
            for client in clients:
                client.send(query("select 1"))
            for client in clients[::2]:
                client.vanish()
            for client in clients[1::2]:
                self.assertEqual(client.answer().rows, [["1"]])
                client.end()
        self.check_servers()
        self.assertLessEqual(len(self.backends()), self.most)

    def test_errors_reach_who_made_them(self):
        clients = self.clients()
        for number, client in enumerate(clients):
            client.send(query(f"select 1 / {number % 3}"))
        for number, client in enumerate(clients):
            self.assertEqual(client.answer().sqlstates, ["22012"] if number % 3 == 0 else [])


@rig.modes("transaction")
class TransactionsOfMany(rig.PoolCase):
    """Transfers between accounts: the sum stays, nobody sees half of one."""

    settings = {"default_pool_size": SERVERS}

    def test_sum_of_accounts(self):
        table = self.fresh_table("id int primary key, cents int")
        setup = self.client()
        setup.run(f"insert into {table} select n, 100 from generate_series(1, 20) n")
        clients = [self.client() for _ in range(50)]
        for turn in range(5):
            for number, client in enumerate(clients):
                # In one order, so that no two wait for each other.
                low, high = sorted([number % 20 + 1, (number + turn + 7) % 20 + 1])
                client.send(statement("begin"),
                            statement(f"update {table} set cents = cents - 1 where id = {low}"),
                            SYNC,
                            statement(f"update {table} set cents = cents + 1 where id = {high}"),
                            statement("commit" if number % 4 else "rollback"), SYNC)
            for client in clients:
                first, second = client.answer(), client.answer()
                self.assertEqual((first.status, second.status), ("T", "I"))
        self.assertEqual(setup.value(f"select sum(cents) from {table}"), "2000")


@rig.modes("session")
class SessionsOfMany(rig.PoolCase):
    """Who has no server waits until another client has gone."""

    settings = {"default_pool_size": SERVERS}

    def test_each_waits_for_its_turn(self):
        clients = [self.client() for _ in range(20 if rig.TARGET == "direct" else 100)]
        with selectors.DefaultSelector() as selector:
            for number, client in enumerate(clients):
                client.send(query(f"select {number}"))
                selector.register(client.socket, selectors.EVENT_READ, (number, client))
            while selector.get_map():
                ready = selector.select(rig.DEADLINE_SECONDS)
                self.assertTrue(ready, f"{len(selector.get_map())} are not served")
                for key, _ in ready:
                    selector.unregister(key.fileobj)
                    self.finish(*key.data)
        if rig.TARGET != "direct":
            self.assertLessEqual(len(self.backends()), SERVERS)

    def finish(self, number, client):
        """Whoever has a server goes after its answer, so that another one gets it."""
        self.assertEqual(client.answer().rows, [[str(number)]])
        client.end()


if __name__ == "__main__":
    unittest.main()
