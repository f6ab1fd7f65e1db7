#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""COPY in both directions, and results that are larger than any buffer."""
import threading
import unittest

import rig
from wire_client import COPY_DONE, SYNC, copy_data, copy_fail, query, statement

ROW = "0123456789" * 19 + "\n"  # with its number and a tab some 200 bytes
ROWS = 100_000  # 20 MB


def rows(first, last):
    return "".join(f"{number}\t{ROW}" for number in range(first, last)).encode()


@rig.modes(*rig.ALL)
class Copy(rig.PoolCase):
    """COPY by both protocols."""

    def test_in_and_out_20_megabytes(self):
        table = self.fresh_table()
        client = self.client()
        client.send(query(f"copy {table} from stdin"))
        self.assertEqual(client.answer().kinds, "G")
        for first in range(0, ROWS, 500):
            client.send(copy_data(rows(first, first + 500)))
        client.send(COPY_DONE)
        self.assertEqual(client.answer().tags, [f"COPY {ROWS}"])
        client.send(query(f"copy {table} to stdout"))
        answer = client.answer()
        self.assertEqual(answer.tags, [f"COPY {ROWS}"])
        self.assertEqual(answer.copied, len(rows(0, ROWS)))

    def test_by_extended_protocol(self):
        table = self.fresh_table()
        client = self.client()
        client.send(statement(f"copy {table} from stdin"), SYNC)
        self.assertTrue(client.answer().kinds.endswith("G"))
        # A Sync within COPY means nothing, as drivers send it with the statement.
        client.send(copy_data(b"1\tone\n"), copy_data(b"2\ttwo\n"), COPY_DONE, SYNC)
        self.assertEqual(client.answer().tags, ["COPY 2"])
        client.send(statement(f"copy {table} to stdout"), SYNC)
        self.assertEqual(client.answer().copied, len(b"1\tone\n2\ttwo\n"))

    @rig.but_for("pgbouncer", "1.18 does not find the end of it")
    def test_all_of_it_at_once(self):
        table = self.fresh_table()
        client = self.client()
        client.send(query(f"copy {table} from stdin"), copy_data(b"1\tone\n"), COPY_DONE,
                    query(f"select name from {table}"))
        self.assertEqual(client.answer().kinds, "G")
        self.assertEqual(client.answer().tags, ["COPY 1"])
        self.assertEqual(client.answer().rows, [["one"]])

    def test_client_gives_up(self):
        table = self.fresh_table()
        client = self.client()
        client.send(query(f"copy {table} from stdin"))
        client.answer()
        client.send(copy_data(b"1\tone\n"), copy_fail("changed my mind"))
        answer = client.answer()
        self.assertEqual(answer.sqlstates, ["57014"])
        self.assertIn("changed my mind", answer.errors[0]["M"])
        self.assertEqual(client.value(f"select count(*) from {table}"), "0")

    def test_server_refuses_half_way(self):
        """The client goes on sending what nobody wants; the answer to its next query is right."""
        table = self.fresh_table()
        client = self.client()
        client.send(query(f"copy {table} from stdin"))
        client.answer()
        client.send(copy_data(b"1\tone\nno number\ttwo\n"))
        for first in range(0, 20_000, 500):
            client.send(copy_data(rows(first, first + 500)))
        client.send(COPY_DONE)
        self.assertEqual(client.answer().sqlstates, ["22P02"])
        self.assertEqual(client.value(f"select count(*) from {table}"), "0")

    def test_refused_at_once(self):
        client = self.client()
        client.send(query("copy nowhere from stdin"))
        self.assertEqual(client.answer().sqlstates, ["42P01"])
        self.assertEqual(client.value("select 1"), "1")

    def test_client_gone_in_the_middle(self):
        table = self.fresh_table()
        client = self.client()
        client.send(query(f"copy {table} from stdin"))
        client.answer()
        client.send(copy_data(rows(0, 500)))
        client.vanish()
        self.check_servers()
        other = self.client()
        self.assertEqual(other.value(f"select count(*) from {table}"), "0")

    def test_reader_gone_in_the_middle(self):
        client = self.client()
        client.send(query("copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout"))
        client.take(100_000)
        client.vanish()
        self.check_servers()
        self.assertEqual(self.client().value("select 1"), "1")


@rig.modes(*rig.ALL)
class LargeResults(rig.PoolCase):
    """Streams, of which no end waits for the other."""

    settings = {"default_pool_size": 2}

    def test_200_000_rows(self):
        client = self.client()
        answer = client.run("select n, 'row ' || n from generate_series(1, 200000) n")
        self.assertEqual(len(answer.rows), 200_000)
        self.assertEqual(answer.rows[-1], ["200000", "row 200000"])
        self.assertEqual(answer.kinds, "T" + "D" * 200_000 + "CZ")

    def test_error_after_many_rows(self):
        client = self.client()
        client.send(query("select 1 / (100000 - n) from generate_series(1, 200000) n"))
        answer = client.answer()
        self.assertEqual((answer.sqlstates, len(answer.rows)), (["22012"], 99_999))
        self.assertEqual(client.value("select 1"), "1")

    def test_slow_reader_does_not_stop_the_others(self):
        slow = self.client()
        slow.send(query("select repeat('x', 1000) from generate_series(1, 50000)"))
        slow.receive()
        other = self.client()
        for number in range(200):
            self.assertEqual(other.value(f"select {number}"), str(number))
        answer = slow.answer()
        self.assertEqual(len(answer.rows), 50_000)

    def test_large_both_ways_at_once(self):
        """A client that only writes and a server that only writes must not wait for each other."""
        client = self.client()
        long = "y" * 1_000_000
        pieces = statement("select $1::text", [long]) + SYNC
        writer = threading.Thread(target=lambda: [client.send(pieces) for _ in range(10)])
        writer.start()
        for _ in range(10):
            self.assertEqual(client.answer().rows, [[long]])
        writer.join(rig.DEADLINE_SECONDS)
        self.assertFalse(writer.is_alive())


if __name__ == "__main__":
    unittest.main()
