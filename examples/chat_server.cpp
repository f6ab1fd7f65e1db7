// SPDX-License-Identifier: Apache-2.0
//
// A chat, for nc HOST PORT. Each client has a fiber that reads and one that writes what lies in its
// inbox, so that a slow client delays nobody: it misses what does not fit.
//
//     chat_server [HOST:PORT]
#include <weft/channel.h>
#include <weft/mutex.h>
#include <weft/scope.h>
#include <weft/serve.h>

#include <cstdio>
#include <string>
#include <vector>

using inbox = weft::channel<std::string>;
static weft::mutex room;
static std::vector<inbox> members;  // guarded by room

static void say(const inbox& speaker, const std::string& text) {
    const std::lock_guard lock(room);
    std::erase_if(members, [](const inbox& member) { return member.is_closed(); });
    for (const inbox& member : members) {
        if (member != speaker) {
            (void)member.try_send(text);
        }
    }
}

static void talk(weft::connection& client) {
    const inbox mine(64);
    {
        const std::lock_guard lock(room);
        members.push_back(mine);
    }
    weft::with_scope([&](weft::scope& s) {
        s.spawn([&] {
            for (const std::string& text : mine) {
                (void)client.write(std::as_bytes(std::span(text)));
            }
        });
        std::string said(1024, '\0');
        const auto room_for_it = std::as_writable_bytes(std::span(said));
        while (const auto length = client.read(room_for_it).value_or(0)) {
            say(mine, said.substr(0, length));
        }
        mine.close();
    });
}

int main(int, char** argv) try {
    const auto address = weft::endpoint::parse(argv[1] != nullptr ? argv[1] : "127.0.0.1:7000");
    auto listener = weft::listener::bind(address.value()).value();
    std::printf("listening on %s\n", listener.local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    weft::serve(listener, weft::model::fiber, talk, {.handle_signals = true}).value();
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "chat_server: %s\n", e.error().message().c_str());
    return 1;
}
