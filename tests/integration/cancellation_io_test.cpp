// SPDX-License-Identifier: Apache-2.0
//
// The calls of sockets that are made less often, datagrams, pipes and descriptors of other origin:
// a stop ends each wait, and what it was called on works afterwards.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <weft/buffered.h>
#include <weft/co.h>
#include <weft/datagram.h>
#include <weft/pipe.h>
#include <weft/poll.h>
#include <weft/socket.h>

#include <array>
#include <chrono>
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

using namespace std::chrono_literals;
using namespace testing;

const std::string much(150'000, 'x');

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
    datagram_socket crowded;  // its peer takes no more
    datagram_socket peer_of_crowded;
    std::array<outgoing_datagram, 2> outgoing{outgoing_datagram{bytes_of("a"), {}},
                                              outgoing_datagram{bytes_of("b"), {}}};
    buffered_reader<socket> reader{pair.near, 64};
    buffered_writer<socket> writer{pair.near, 64};

    world() {
        shrink_buffers(pair.near);
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        crowded = datagram_socket::from_native(ends[0]).value();
        peer_of_crowded = datagram_socket::from_native(ends[1]).value();
        while (crowded.send(bytes_of("x"), 0s)) {
        }
    }

    /// Until a write has to wait.
    void fill() {
        while (pair.near.write(bytes_of(much), 0s)) {
        }
    }

    static const std::vector<waiting_call<world>>& calls();
};

/// Takes what is there, and what was sent in parts meanwhile.
void drain(socket& from) {
    std::string text;
    do {
        text = read_text(from, 1 << 20, 0s);
    } while (!text.empty() && !text.starts_with("error: "));
}

/// Half of what w.room takes.
void write_some(world& w) {
    EXPECT_FALSE(write_text(w.pair.far, "a line.\n"));
}

void reads_what_comes(world& w) {
    drain(w.pair.near);
    EXPECT_FALSE(write_text(w.pair.far, "after"));
    EXPECT_EQ(read_text(w.pair.near), "after");
}

/// Makes room for a part of what is written.
void read_some(world& w) {
    (void)read_text(w.pair.far, 1 << 16, 0s);
}

void sends_when_there_is_room(world& w) {
    while (w.peer_of_crowded.receive(w.room, 0s)) {
    }
    EXPECT_TRUE(w.crowded.send(bytes_of("after"), safety_net));
    EXPECT_EQ(w.peer_of_crowded.receive(w.room, safety_net)->size, 5u);
}

void receive_some(world& w) {
    (void)w.peer_of_crowded.receive(w.room, 0s);
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
         reads_what_comes, write_some},
        {"readv", [](world& w) { return error_of(w.pair.near.readv(w.parts)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::readv(w.pair.near, w.parts));
         },
         reads_what_comes, write_some},
        {"receive_descriptors",
         [](world& w) { return error_of(w.pair.near.receive_descriptors(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::receive_descriptors(w.pair.near, w.room));
         },
         reads_what_comes, write_some},
        {"wait_readable",
         [](world& w) { return error_of(wait_readable(w.pair.near.native_handle())); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::wait_readable(w.pair.near.native_handle()));
         },
         reads_what_comes, write_some},
        {"poll", [](world& w) { return error_of(poll(w.pair.near.native_handle(), POLLIN)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::poll(w.pair.near.native_handle(), POLLIN));
         },
         reads_what_comes, write_some},
        {"copy_stream", [](world& w) { return error_of(copy_stream(w.pair.near, w.other.near)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::copy_stream(w.pair.near, w.other.near));
         },
         [](world& w) {
             EXPECT_FALSE(write_text(w.other.near, "after"));
             EXPECT_TRUE(read_text(w.other.far).ends_with("after"));
             drain(w.pair.near);
         },
         [](world& w) {
             write_some(w);
             EXPECT_TRUE(w.pair.far.shutdown_write());
         }},
        {"pipe_read", [](world& w) { return error_of(w.pipe.reader.read(w.room)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::read(w.pipe.reader, w.room));
         },
         pipes_what_comes},
    };
}

std::vector<waiting_call<world>> of_datagrams_sent() {
    return {
        {"send", [](world& w) { return error_of(w.crowded.send(bytes_of("x"))); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::send(w.crowded, bytes_of("x")));
         },
         sends_when_there_is_room, receive_some},
        {"send_to", [](world& w) { return error_of(w.crowded.send_to(bytes_of("x"), {})); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::send_to(w.crowded, bytes_of("x"), {}));
         },
         sends_when_there_is_room, receive_some},
        {"send_many", [](world& w) { return error_of(w.crowded.send_many(w.outgoing)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::send_many(w.crowded, w.outgoing));
         },
         sends_when_there_is_room, receive_some},
    };
}

std::vector<waiting_call<world>> of_buffers() {
    return {
        {"read_line", [](world& w) { return error_of(w.reader.read_line()); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::read_line(w.reader));
         },
         [](world& w) {
             EXPECT_FALSE(write_text(w.pair.far, "after\n"));
             const auto line = w.reader.read_line(safety_net);
             ASSERT_TRUE(line && line->has_value());
             EXPECT_TRUE(**line == "after" || **line == "a line.") << **line;
         },
         write_some},
        {"buffered_write", [](world& w) { return error_of(w.writer.write(much)); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::write(w.writer, bytes_of(much)));
         },
         nullptr, read_some},
        {"flush",
         [](world& w) {
             w.fill();
             EXPECT_TRUE(w.writer.write("some"));
             return error_of(w.writer.flush());
         },
         nullptr, nullptr, read_some},
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
         nullptr, read_some},
        {"send_file",
         [](world& w) { return error_of(send_file(w.pair.near, w.endless.get(), 0, much.size())); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(
                 co_await co::send_file(w.pair.near, w.endless.get(), 0, much.size()));
         },
         nullptr, read_some},
        {"send_descriptors",
         [](world& w) {
             const std::array fds{w.endless.get()};
             return error_of(w.pair.near.send_descriptors(fds, bytes_of(much)));
         },
         [](world& w) -> task<std::error_code> {
             const std::array fds{w.endless.get()};
             co_return error_of(co_await co::send_descriptors(w.pair.near, fds, bytes_of(much)));
         },
         nullptr, read_some},
        {"wait_writable",
         [](world& w) {
             w.fill();
             return error_of(wait_writable(w.pair.near.native_handle()));
         },
         [](world& w) -> task<std::error_code> {
             for (bool room = true; room;) {
                 const auto written = co_await co::write(w.pair.near, bytes_of(much), 0s);
                 room = written.has_value();
             }
             co_return error_of(co_await co::wait_writable(w.pair.near.native_handle()));
         },
         [](world& w) {
             drain(w.pair.far);
             EXPECT_TRUE(wait_writable(w.pair.near.native_handle(), safety_net));
         },
         read_some},
        {"pipe_write", [](world& w) { return error_of(w.pipe.writer.write(bytes_of(much))); },
         [](world& w) -> task<std::error_code> {
             co_return error_of(co_await co::write(w.pipe.writer, bytes_of(much)));
         },
         nullptr,
         [](world& w) {
             std::string room(1 << 16, '\0');
             (void)w.pipe.reader.read(writable(room), 0s);
         }},
    };
}

const std::vector<waiting_call<world>>& world::calls() {
    static const auto all =
        joined<world>({of_reads(), of_datagrams(), of_datagrams_sent(), of_writes(), of_buffers()});
    return all;
}

using CancellationOfIo = CancelledCall<world>;
WEFT_TEST_CANCELLED_CALLS(CancellationOfIo, {2});

}  // namespace
}  // namespace weft
