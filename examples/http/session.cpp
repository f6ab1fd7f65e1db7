// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <array>

namespace http {

namespace {

/// Answers to requests that came together are sent together, and when they are as large as this.
constexpr std::size_t most_gathered = 65536;
/// What a client may still send that has been told that it is over.
constexpr std::size_t most_ignored = std::size_t{4} << 20;
constexpr std::chrono::seconds most_lingering{2};

bool send(weft::connection& client, responses& out, std::chrono::seconds patience) {
    if (out.bytes().empty()) {
        return true;
    }
    client.set_deadline(patience);
    const bool sent = client.write(std::as_bytes(std::span(out.bytes()))).has_value();
    out.clear();
    return sent;
}

/// To close a socket while bytes of the client are unread, or come later, resets the connection,
/// and with it may go the answer on its way.
void linger(weft::connection& client) {
    if (!client.socket().shutdown_write()) {
        return;
    }
    client.set_deadline(most_lingering);
    std::array<std::byte, 2048> ignored;
    std::size_t size = 0;
    while (const auto length = client.read(ignored).value_or(0)) {
        size += length;
        if (size > most_ignored) {
            return;
        }
    }
}

/// Whether anything came. If a request began and did not end in time, that is the answer.
bool receive(weft::connection& client, request_reader& reader, responses& out,
             std::chrono::seconds patience) {
    const bool idle = !reader.begun();
    if (idle) {
        client.set_deadline(patience);
    }
    const auto length = client.read(reader.room());
    if (length.value_or(0) == 0) {
        if (!idle && !length && length.error() == std::errc::timed_out) {
            out.add(reader, {.status = 408}, false);
        }
        return false;
    }
    reader.filled(*length);
    if (idle) {
        client.set_deadline(patience);  // of the request, from here to its end
    }
    return true;
}

}  // namespace

void serve_client(weft::connection& client, std::chrono::seconds patience, answer_function answer) {
    request_reader reader;
    responses out;
    for (bool open = true; open;) {
        switch (reader.advance()) {
            case progress::complete:
                open = reader.keep_alive() && !client.stopping();
                out.add(reader, answer(reader), open);
                if (open && out.bytes().size() < most_gathered) {
                    continue;  // there may be another one
                }
                break;
            case progress::refused:
                open = false;
                out.add(reader, {.status = reader.status()}, open);
                break;
            case progress::expects_continue:
                out.add_continue();
                [[fallthrough]];
            case progress::more:
                if (!send(client, out, patience)) {
                    return;
                }
                open = receive(client, reader, out, patience);
        }
        if (!send(client, out, patience)) {
            return;
        }
    }
    linger(client);
}

}  // namespace http
