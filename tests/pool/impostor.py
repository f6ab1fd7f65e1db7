# SPDX-License-Identifier: Apache-2.0
"""Servers that are none, or stand before one: each connection is served by a thread."""
import contextlib
import socket
import threading

import rig
from wire_client import Channel, Closed


class Impostor:
    """Listens on a port of the loopback; serve(peer) is what it does, until either side goes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [self._start(self._accept)]

    def serve(self, peer):
        raise NotImplementedError

    def stop(self):
        """Waits for all: their clients must have gone."""
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()

    @staticmethod
    def _start(work, *arguments):
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        return thread

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer = Channel.__new__(Channel)
                peer.socket, peer.buffer = self.listener.accept()[0], bytearray()
                peer.socket.settimeout(rig.DEADLINE_SECONDS)
                self.threads.append(self._start(self._serve, peer))

    def _serve(self, peer):
        with peer, contextlib.suppress(Closed, OSError):
            self.serve(peer)
