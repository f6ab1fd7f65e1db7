// SPDX-License-Identifier: Apache-2.0
#include "io/datagram_calls.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

#include "io/endpoint_text.h"
#include "io/message_ops.h"

namespace weft::io {

namespace {

constexpr std::size_t most_at_once = 32;  // what lies on the stack for them is 7 KiB

endpoint sender_of(const msghdr& message) noexcept {
    if (message.msg_namelen == 0) {
        return {};
    }
    const auto parsed =
        endpoint::from_native(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen);
    return parsed ? *parsed : endpoint();
}

void set_peer(msghdr& message, const endpoint& peer) noexcept {
    if (peer.family() != AF_UNSPEC) {
        message.msg_name = const_cast<sockaddr*>(peer.data());
        message.msg_namelen = peer.size();
    }
}

iovec part_of(std::span<const std::byte> bytes) noexcept {
    return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

/// After an attempt to send. The queue of a Unix socket that is not our peer may be full while ours
/// is writable: nothing reports the end of that, so it is to be tried again in a while.
std::int64_t full_or_busy(poll_descriptor& d, std::int64_t outcome) noexcept {
    if (outcome == -EAGAIN && d.proto() == protocol::unix_datagram &&
        (events_now(d.fd(), POLLOUT) & POLLOUT) != 0) {
        d.mark_ready(direction::write);
        return -EBUSY;
    }
    return outcome;
}

}  // namespace

std::int64_t datagram_send::attempt() noexcept {
    iovec part = part_of(bytes_);
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    set_peer(message, peer_);
    return full_or_busy(descriptor(), try_send_message(descriptor(), message));
}

result<void> datagram_send::finish(std::int64_t outcome) const noexcept {
    if (outcome < 0) {
        return failed(outcome, operation, endpoint_text(peer_));
    }
    return {};
}

std::int64_t datagram_receive::attempt() noexcept {
    sockaddr_storage sender;
    iovec part = part_of(bytes_);
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (want_sender_) {
        message.msg_name = &sender;
        message.msg_namelen = sizeof sender;
    }
    const ssize_t n = try_receive_message(descriptor(), message, 0);
    if (n >= 0) {
        received_.size = static_cast<std::size_t>(n);
        received_.truncated = (message.msg_flags & MSG_TRUNC) != 0;
        if (want_sender_) {
            received_.from = sender_of(message);
        }
    }
    return n;
}

result<received_datagram> datagram_receive::finish(std::int64_t outcome) const noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return received_;
}

std::int64_t datagrams_receive::attempt() noexcept {
    std::size_t received = 0;
    while (received < slots_.size()) {
        const auto next =
            slots_.subspan(received, std::min(slots_.size() - received, most_at_once));
        const std::int64_t n = receive_some(next);
        if (n < 0) {
            // What has come counts; an error is reported by the next call, if it is still there.
            return received != 0 ? static_cast<std::int64_t>(received) : n;
        }
        received += static_cast<std::size_t>(n);
        if (static_cast<std::size_t>(n) < next.size()) {
            break;
        }
    }
    return static_cast<std::int64_t>(received);
}

std::int64_t datagrams_receive::receive_some(std::span<datagram_slot> slots) noexcept {
    std::array<mmsghdr, most_at_once> messages{};
    std::array<iovec, most_at_once> parts;
    std::array<sockaddr_storage, most_at_once> senders;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        parts[i] = part_of(slots[i].buffer);
        msghdr& message = messages[i].msg_hdr;
        message.msg_iov = &parts[i];
        message.msg_iovlen = 1;
        message.msg_name = &senders[i];
        message.msg_namelen = sizeof senders[i];
    }
    const ssize_t n = try_receive_messages(descriptor(), std::span(messages).first(slots.size()));
    for (ssize_t i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const msghdr& message = messages[at].msg_hdr;
        slots[at].received = {.size = messages[at].msg_len,
                              .truncated = (message.msg_flags & MSG_TRUNC) != 0,
                              .from = sender_of(message)};
    }
    return n;
}

result<std::size_t> datagrams_receive::finish(std::int64_t outcome) noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return static_cast<std::size_t>(outcome);
}

std::int64_t datagrams_send::attempt() noexcept {
    while (!left_.empty()) {
        const std::int64_t n = full_or_busy(descriptor(), send_some());
        if (n < 0) {
            return n;
        }
        sent_ += static_cast<std::size_t>(n);
        left_ = left_.subspan(static_cast<std::size_t>(n));
    }
    return 0;
}

std::int64_t datagrams_send::send_some() noexcept {
    std::array<mmsghdr, most_at_once> messages{};
    std::array<iovec, most_at_once> parts;
    const std::size_t count = std::min(left_.size(), most_at_once);
    for (std::size_t i = 0; i < count; ++i) {
        parts[i] = part_of(left_[i].bytes);
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        set_peer(messages[i].msg_hdr, left_[i].to);
    }
    return try_send_messages(descriptor(), std::span(messages).first(count));
}

result<std::size_t> datagrams_send::finish(std::int64_t outcome) const noexcept {
    if (outcome < 0 && sent_ == 0) {
        return failed(outcome, operation);
    }
    return sent_;
}

}  // namespace weft::io
