// SPDX-License-Identifier: Apache-2.0
//
// Calls on datagram sockets as objects for perform(): see call.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <weft/datagram.h>

#include "io/call.h"

namespace weft::io {

class datagram_send : public single_call {
public:
    static constexpr const char* operation = "send";

    /// `peer` without a family: that of the socket.
    datagram_send(poll_descriptor* from, std::span<const std::byte> bytes,
                  const endpoint& peer) noexcept
        : single_call(from, direction::write), bytes_(bytes), peer_(peer) {}

    std::int64_t attempt() noexcept;
    [[nodiscard]] result<void> finish(std::int64_t outcome) const noexcept;

private:
    std::span<const std::byte> bytes_;
    endpoint peer_;
};

class datagram_receive : public single_call {
public:
    static constexpr const char* operation = "receive";

    datagram_receive(poll_descriptor* at, std::span<std::byte> bytes, bool want_sender) noexcept
        : single_call(at, direction::read), bytes_(bytes), want_sender_(want_sender) {}

    std::int64_t attempt() noexcept;
    [[nodiscard]] result<received_datagram> finish(std::int64_t outcome) const noexcept;

private:
    std::span<std::byte> bytes_;
    received_datagram received_;
    bool want_sender_;
};

class datagrams_receive : public single_call {
public:
    static constexpr const char* operation = "receive_many";

    datagrams_receive(poll_descriptor* at, std::span<datagram_slot> slots) noexcept
        : single_call(at, direction::read), slots_(slots) {}

    std::int64_t attempt() noexcept;
    static result<std::size_t> finish(std::int64_t outcome) noexcept;

private:
    std::int64_t receive_some(std::span<datagram_slot> slots) noexcept;

    std::span<datagram_slot> slots_;
};

class datagrams_send : public single_call {
public:
    static constexpr const char* operation = "send_many";

    datagrams_send(poll_descriptor* from, std::span<const outgoing_datagram> datagrams) noexcept
        : single_call(from, direction::write), left_(datagrams) {}

    std::int64_t attempt() noexcept;
    [[nodiscard]] result<std::size_t> finish(std::int64_t outcome) const noexcept;

private:
    std::int64_t send_some() noexcept;

    std::span<const outgoing_datagram> left_;
    std::size_t sent_ = 0;
};

}  // namespace weft::io
