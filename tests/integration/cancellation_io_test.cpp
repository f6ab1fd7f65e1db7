// SPDX-License-Identifier: Apache-2.0
//
// The calls of sockets that are made less often, datagrams, pipes and descriptors of other origin:
// a stop ends each wait, and what it was called on works afterwards.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <weft/co.h>
#include <weft/datagram.h>
#include <weft/pipe.h>
#include <weft/poll.h>
#include <weft/socket.h>

#include <array>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "cancelled_call.h"
#include "sockets.h"
#include "support.h"

namespace weft {
namespace {

using namespace testing;

const std::string much(4'000'000, 'x');

struct world {
    connected_pair pair = connect_pair(transport::unix_stream);
    connected_pair other = connect_pair(transport::unix_stream);
    datagram_socket receiver = datagram_socket::bind(endpoint::loopback(0)).value();
    pipe_ends pipe = make_pipe().value();
    std::array<std::byte, 16> room{};
    std::array<std::span<std::byte>, 2> parts{std::span(room).first(8), std::span(room).last(8)};
    std::array<std::span<const std::byte>, 2> much_in_parts{bytes_of(much), bytes_of(much)};
    std::array<datagram_slot, 2> slots{datagram_slot{std::span(room).first(8), {}},
                                       datagram_slot{std::span(room).last(8), {}}};
    unique_fd endless{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};

    world() { shrink_buffers(pair.near); }

    static const std::vector<waiting_call<world>>& calls();
};

void reads_what_comes(world& w) {
    EXPECT_FALSE(write_text(w.pair.far, "after"));
    EXPECT_EQ(read_text(w.pair.near), "after");
}

void receives_what_comes(world& w) {
    auto from = datagram_socket::open(AF_INET).value();
    EXPECT_TRUE(from.send_to(bytes_of("after"), *w.receiver.local_endpoint(), safety_net));
    EXPECT_EQ(w.receiver.receive(w.room, safety_net)->size, 5u);
}

void pipes_what_comes(world& w) {
    EXPECT_TRUE(w.pipe.writer.write(bytes_of("after"), safety_net));
    EXPECT_EQ(w.pipe.reader.read(w.room, safety_net), 5u);
}

std::vector<waiting_call<world>> of_reads() {
    return {
        {"read_exactly", [](world& w) { return error_of(w.pair.near.read_exactly(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::read_exactly(w.pair.near, w.room));
         },
         reads_what_comes},
        {"readv", [](world& w) { return error_of(w.pair.near.readv(w.parts)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::readv(w.pair.near, w.parts));
         },
         reads_what_comes},
        {"receive_descriptors",
         [](world& w) { return error_of(w.pair.near.receive_descriptors(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::receive_descriptors(w.pair.near, w.room));
         },
         reads_what_comes},
        {"wait_readable",
         [](world& w) { return error_of(wait_readable(w.pair.near.native_handle())); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::wait_readable(w.pair.near.native_handle()));
         },
         reads_what_comes},
        {"poll", [](world& w) { return error_of(poll(w.pair.near.native_handle(), POLLIN)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::poll(w.pair.near.native_handle(), POLLIN));
         },
         reads_what_comes},
        {"copy_stream", [](world& w) { return error_of(copy_stream(w.pair.near, w.other.near)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::copy_stream(w.pair.near, w.other.near));
         },
         reads_what_comes},
        {"pipe_read", [](world& w) { return error_of(w.pipe.reader.read(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::read(w.pipe.reader, w.room));
         },
         pipes_what_comes},
    };
}

std::vector<waiting_call<world>> of_datagrams() {
    return {
        {"receive", [](world& w) { return error_of(w.receiver.receive(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::receive(w.receiver, w.room));
         },
         receives_what_comes},
        {"receive_from", [](world& w) { return error_of(w.receiver.receive_from(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::receive_from(w.receiver, w.room));
         },
         receives_what_comes},
        {"receive_many", [](world& w) { return error_of(w.receiver.receive_many(w.slots)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::receive_many(w.receiver, w.slots));
         },
         receives_what_comes},
    };
}

// A part of what is written has been sent: nothing is checked but that the call ends.
std::vector<waiting_call<world>> of_writes() {
    return {
        {"writev", [](world& w) { return error_of(w.pair.near.writev(w.much_in_parts)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::writev(w.pair.near, w.much_in_parts));
         },
         nullptr},
        {"send_file",
         [](world& w) { return error_of(send_file(w.pair.near, w.endless.get(), 0, much.size())); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(
                 co_await co::send_file(w.pair.near, w.endless.get(), 0, much.size()));
         },
         nullptr},
        {"pipe_write", [](world& w) { return error_of(w.pipe.writer.write(bytes_of(much))); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::write(w.pipe.writer, bytes_of(much)));
         },
         nullptr},
    };
}

const std::vector<waiting_call<world>>& world::calls() {
    static const auto all = joined<world>({of_reads(), of_datagrams(), of_writes()});
    return all;
}

using CancellationOfIo = CancelledCall<world>;
WEFT_TEST_CANCELLED_CALLS(CancellationOfIo, {2});

}  // namespace
}  // namespace weft
