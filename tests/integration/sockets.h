// SPDX-License-Identifier: Apache-2.0
//
// For tests of sockets: connected pairs, and bytes as text.
#pragma once

#include <weft/socket.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support.h"

namespace weft::testing {

enum class transport : std::uint8_t { tcp, unix_stream };

inline std::string name_of(transport t) {
    return t == transport::tcp ? "tcp" : "unix";
}

inline void PrintTo(transport t, std::ostream* out) {
    *out << name_of(t);
}

/// Listens on a loopback port or an abstract name that nobody else uses.
listener listen_on(transport t, const listen_options& options = {});

struct connected_pair {
    socket near;
    socket far;
};

/// From a fiber or a plain thread.
connected_pair connect_pair(transport t);

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

inline std::span<std::byte> writable(std::string& text) {
    return std::as_writable_bytes(std::span(text));
}

/// What one read() returns, at most `most` bytes; on failure "error: " and the reason.
std::string read_text(socket& from, std::size_t most = 1024, deadline until = safety_net);

/// Reads `size` bytes, or what comes before the end or a failure.
std::string read_exactly(socket& from, std::size_t size, deadline until = safety_net);

/// Writes; the error or nothing.
weft::error write_text(socket& to, std::string_view text, deadline until = safety_net);

/// Makes the end of `victim` reach its peer as a reset.
void reset(socket& victim);

/// Makes writers wait soon. Only so far, and on one side only, that TCP need not wait for its own
/// timers.
void shrink_buffers(const socket& s);

/// None if it succeeded, which is no way to be out of descriptors either.
template <class T>
weft::error error_of(const result<T>& outcome) {
    return outcome ? weft::error() : outcome.error();
}

/// Whether all of `errors` say that descriptors had run out. Not while they have: UBSan opens a
/// pipe to check the virtual call in a comparison of codes.
void expect_no_descriptors(const std::vector<std::error_code>& errors);

/// Each test runs on both transports; what may have to wait runs on a fiber or on a plain thread.
class OnEachTransport : public ::testing::TestWithParam<std::tuple<transport, actor_kind>> {
public:
    static auto cases(const std::vector<transport>& which = {transport::tcp,
                                                             transport::unix_stream}) {
        return ::testing::Combine(::testing::ValuesIn(which),
                                  ::testing::Values(actor_kind::fiber, actor_kind::thread));
    }
    static std::string name_of_case(const ::testing::TestParamInfo<ParamType>& info) {
        return name_of(std::get<0>(info.param)) + "_" + name_of(std::get<1>(info.param));
    }

protected:
    [[nodiscard]] static transport how() { return std::get<0>(GetParam()); }
    [[nodiscard]] static actor_kind kind() { return std::get<1>(GetParam()); }

    template <class Body>
    void act(Body body) {
        testing::act(runtime_, kind(), std::move(body));
    }

    runtime runtime_{{.workers = 2}};
};

/// `size` bytes, each of which depends on its place.
std::string pattern(std::size_t size);

}  // namespace weft::testing
