#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everyday use of asyncpg, which speaks the protocol itself and prepares all it runs."""
import asyncio
import functools
import unittest

import rig

try:
    import asyncpg
except ImportError:
    raise unittest.SkipTest("python3-asyncpg is not installed") from None


def asynchronous(test):
    """Runs a coroutine as a test, with a deadline."""
    @functools.wraps(test)
    def run(self):
        asyncio.run(asyncio.wait_for(test(self), 2 * rig.DEADLINE_SECONDS))
    return run


@rig.modes(*rig.TRANSACTIONS)
@rig.but_for("pgbouncer", "1.18 has no prepared statements in transaction mode")
class Asyncpg(rig.PoolCase):
    """One connection, many, and a pool before the pool."""

    def connect(self, **options):
        return asyncpg.connect(host="127.0.0.1", port=self.server.port, user="ann", database="shop",
                               timeout=rig.DEADLINE_SECONDS, **options)

    @asynchronous
    async def test_queries(self):
        connection = await self.connect()
        self.assertEqual(await connection.fetchval("select $1::int + 1", 41), 42)
        self.assertEqual(await connection.fetchval("select $1::text[]", ["a", None]), ["a", None])
        row = await connection.fetchrow("select 1 as one, now() as time")
        self.assertEqual(row["one"], 1)
        statement = await connection.prepare("select $1::int * 2")
        self.assertEqual([await statement.fetchval(number) for number in range(5)],
                         [0, 2, 4, 6, 8])
        await connection.close()

    @asynchronous
    async def test_the_same_by_many(self):
        connections = await asyncio.gather(*(self.connect() for _ in range(5)))
        for _ in range(3):
            values = await asyncio.gather(*(each.fetchval("select $1::int", number)
                                            for number, each in enumerate(connections)))
            self.assertEqual(values, list(range(5)))
        await asyncio.gather(*(each.close() for each in connections))

    @asynchronous
    async def test_transactions(self):
        table = self.fresh_table()
        connection = await self.connect()
        async with connection.transaction():
            await connection.execute(f"insert into {table} values (1, 'kept')")
            with self.assertRaises(asyncpg.UniqueViolationError):
                async with connection.transaction():
                    await connection.execute(f"insert into {table} values (1, 'no')")
        with self.assertRaises(KeyError):
            async with connection.transaction():
                await connection.execute(f"insert into {table} values (2, 'no')")
                raise KeyError
        self.assertEqual(await connection.fetchval(f"select count(*) from {table}"), 1)
        async with connection.transaction():
            total = 0
            async for _ in connection.cursor("select generate_series(1, 1000)", prefetch=100):
                total += 1
        self.assertEqual(total, 1000)
        await connection.close()

    @asynchronous
    async def test_copy(self):
        table = self.fresh_table()
        connection = await self.connect()
        records = [(number, f"name {number}") for number in range(5000)]
        self.assertEqual(await connection.copy_records_to_table(table, records=records),
                         "COPY 5000")
        await connection.executemany(f"insert into {table} values ($1, $2)",
                                     [(number, "more") for number in range(5000, 5500)])
        self.assertEqual(await connection.fetchval(f"select count(*) from {table}"), 5500)
        await connection.close()

    @asynchronous
    async def test_timeout_cancels_the_query(self):
        connection = await self.connect()
        with self.assertRaises(asyncio.TimeoutError):
            await connection.fetch("select pg_sleep(60)", timeout=0.2)
        self.assertEqual(await connection.fetchval("select 1"), 1)
        await connection.close()

    @asynchronous
    async def test_a_pool_of_the_driver(self):
        async def work(pool, number):
            async with pool.acquire() as connection:
                return await connection.fetchval("select $1::int * 3", number)
        # It resets a connection that goes back: advisory locks, cursors, LISTEN, parameters.
        async with asyncpg.create_pool(host="127.0.0.1", port=self.server.port, user="ann",
                                       database="shop", min_size=2, max_size=4) as pool:
            values = await asyncio.gather(*(work(pool, number) for number in range(100)))
        self.assertEqual(values, [3 * number for number in range(100)])

    @asynchronous
    async def test_listen(self):
        listener, other = await self.connect(), await self.connect()
        heard = asyncio.get_running_loop().create_future()
        await listener.add_listener("news", lambda *arguments: heard.set_result(arguments[-1]))
        await other.execute("notify news, 'hello'")
        self.assertEqual(await asyncio.wait_for(heard, rig.DEADLINE_SECONDS), "hello")
        await listener.close()
        await other.close()


if __name__ == "__main__":
    unittest.main()
