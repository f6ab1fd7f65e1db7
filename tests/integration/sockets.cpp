// SPDX-License-Identifier: Apache-2.0
#include "sockets.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <vector>

namespace weft::testing {

listener listen_on(transport t, const listen_options& options) {
    static std::atomic<int> number = 0;
    const endpoint local = t == transport::tcp
                               ? endpoint::loopback(0)
                               : *endpoint::parse("@weft-test-" + std::to_string(::getpid()) + "-" +
                                                  std::to_string(++number));
    auto made = listener::bind(local, options);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(made).value();
}

connected_pair connect_pair(transport t) {
    listener l = listen_on(t);
    auto near = connect(*l.local_endpoint(), safety_net);
    EXPECT_TRUE(near) << near.error().message();
    auto far = l.accept(safety_net);
    EXPECT_TRUE(far) << far.error().message();
    return {.near = std::move(near).value(), .far = std::move(far).value()};
}

std::string read_text(socket& from, std::size_t most, deadline until) {
    std::string text(most, '\0');
    const auto n = from.read(std::as_writable_bytes(std::span(text)), until);
    if (!n) {
        return "error: " + n.error().message();
    }
    text.resize(*n);
    return text;
}

std::string read_exactly(socket& from, std::size_t size, deadline until) {
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto n = from.read(std::as_writable_bytes(std::span(text)).subspan(have), until);
        if (!n || *n == 0) {
            break;
        }
        have += *n;
    }
    text.resize(have);
    return text;
}

weft::error write_text(socket& to, std::string_view text, deadline until) {
    const auto written = to.write(bytes_of(text), until);
    return written ? weft::error() : written.error();
}

void reset(socket& victim) {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    EXPECT_EQ(::setsockopt(victim.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    victim.close();
}

void shrink_buffers(const socket& s) {
    const int size = 16 * 1024;
    EXPECT_EQ(::setsockopt(s.native_handle(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>((i * 2654435761u) >> 13);
    }
    return text;
}

void expect_no_descriptors(const std::vector<std::error_code>& errors) {
    for (const std::error_code& error : errors) {
        EXPECT_EQ(error, std::errc::too_many_files_open) << error.message();
    }
}

}  // namespace weft::testing
