#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a pooler logs in at servers: those that do not know the password, and those that are slow."""
import struct
import threading
import unittest

import rig
from impostor import Impostor
from wire_client import CANCEL_CODE, Closed, ServerError, message, query, text

_OK = message("R", struct.pack("!I", 0))
_SCRAM = message("R", struct.pack("!I", 10) + text("SCRAM-SHA-256") + b"\0")
_READY = (message("S", text("server_version") + text("15.0")) + message("K", b"\0" * 8)
          + message("Z", b"I"))


class FalseServer(Impostor):
    """Answers each connection's startup packet by `first`, and its next message by `second`."""

    def __init__(self, first, second=b""):
        self.first, self.second = first, second
        super().__init__()

    def serve(self, peer):
        size, = struct.unpack("!I", peer.take(4))
        peer.take(size - 4)
        peer.send(self.first)
        if self.second:
            peer.receive()
            peer.send(self.second)
        peer.rest()


@rig.modes("transaction")
class Impostors(rig.PoolCase):
    """No client is served by a server that has not shown what it must know."""

    settings = {"server_login_retry": 0.1, "client_login_timeout": 1, "server_tls_sslmode": "disable"}
    false_servers = {"early": (_SCRAM, _OK + _READY), "silent": (_READY,),
                     "hasty": (_SCRAM + _OK + _READY,), "good": (_OK + _READY,)}

    @classmethod
    def setUpClass(cls):
        cls.databases = {}
        for name, says in cls.false_servers.items():
            server = FalseServer(*says)
            cls.addClassCleanup(server.stop)
            cls.databases[name] = f"host=127.0.0.1 port={server.port} user=ann password=secret"
        super().setUpClass()

    @rig.pooled
    def test_login_succeeds_without_the_proof(self):
        for name in ("early", "hasty", "silent"):
            with self.subTest(server=name), self.assertRaises((ServerError, Closed)):
                self.client(database=name)
        said = self.server.process.said()
        self.assertIn("the server has not shown that it knows the password", said)

    @rig.pooled
    def test_a_server_that_trusts_is_trusted(self):
        self.client(database="good")


class KeyServer(Impostor):
    """Speaks protocol 3.2 to who asks for it; each query lasts until it is cancelled."""

    KEY = bytes(range(32))

    def __init__(self):
        self.asked, self.cancelled_with = [], []
        self.cancelled = threading.Event()
        super().__init__()

    def serve(self, peer):
        size, code = struct.unpack("!II", peer.take(8))
        body = peer.take(size - 8)
        if code == CANCEL_CODE:
            self.cancelled_with.append(body)
            self.cancelled.set()
            return
        self.asked.append(code)
        peer.send(_OK + message("S", text("server_version") + text("18.0")),
                  message("K", struct.pack("!I", 7) + self.KEY), message("Z", b"I"))
        while True:
            kind, _ = peer.receive()
            if kind == "X":
                return
            self.cancelled.wait(rig.DEADLINE_SECONDS)
            peer.send(message("E", b"SERROR\0C57014\0Mcancelled\0\0"), message("Z", b"I"))


@rig.modes("transaction")
class NewerProtocol(rig.PoolCase):
    """Servers that are asked for protocol 3.2."""

    settings = {"default_pool_size": 1, "server_tls_sslmode": "disable"}

    @classmethod
    def setUpClass(cls):
        cls.newer = KeyServer()
        postgres = rig.postgres()
        asks = "max_protocol_version=latest" if rig.TARGET == "weft-pool" else ""
        cls.databases = {
            "newer": f"host=127.0.0.1 port={cls.newer.port} user=ann {asks}",
            "shop": f"host={postgres.folder} port={postgres.port} dbname=shop {asks}"}
        super().setUpClass()
        cls.addClassCleanup(cls.newer.stop)
        cls.addClassCleanup(cls.server.stop)  # first

    @rig.pooled
    @rig.but_for("pgbouncer", "1.18 speaks 3.0 only")
    def test_long_cancel_key(self):
        client = self.client(database="newer")
        client.send(query("select 1"))
        rig.eventually(lambda: self.servers_in_use() == "1", "no server has the query")
        client.cancel()
        self.assertEqual(client.answer().sqlstates, ["57014"])
        self.assertEqual(self.newer.asked, [3 << 16 | 2])
        self.assertEqual(self.newer.cancelled_with, [struct.pack("!I", 7) + KeyServer.KEY])

    def servers_in_use(self):
        rows = self.client(user="weft", database="pgbouncer").run("show pools").rows
        return next(row[6] for row in rows if row[0] == "newer")

    def test_older_server_answers_in_its_own(self):
        client = self.client()
        self.assertEqual(client.value("select 1"), "1")
        client.send(query("select pg_sleep(60)"))
        self.wait_for_query("pg_sleep")
        client.cancel()
        self.assertEqual(client.answer().sqlstates, ["57014"])


@rig.modes("transaction")
class Slow(rig.PoolCase):
    """A connection that takes longer to make than it may live serves once."""

    settings = {"server_lifetime": "1"}

    @classmethod
    def setUpClass(cls):
        postgres = rig.postgres()
        cls.databases = {"shop": f"host={postgres.folder} port={postgres.port} dbname=shop "
                                 "connect_query='select pg_sleep(1.2)'"}
        super().setUpClass()

    @rig.pooled
    def test_lifetime_shorter_than_a_login(self):
        client = self.client(timeout=rig.DEADLINE_SECONDS)
        self.assertEqual(client.value("select 1"), "1")


if __name__ == "__main__":
    unittest.main()
