// SPDX-License-Identifier: Apache-2.0
//
// The calls of weft::datagram_socket in coroutines.
#include <weft/datagram.h>

#include "coro/async_call.h"
#include "io/datagram_calls.h"

namespace weft::co {

task<result<void>> send(datagram_socket& from, std::span<const std::byte> bytes, deadline until) {
    return coro::perform(io::datagram_send(io::access::descriptor(from), bytes, endpoint()), until);
}

task<result<void>> send_to(datagram_socket& from, std::span<const std::byte> bytes, endpoint peer,
                           deadline until) {
    return coro::perform(io::datagram_send(io::access::descriptor(from), bytes, peer), until);
}

task<result<received_datagram>> receive(datagram_socket& at, std::span<std::byte> bytes,
                                        deadline until) {
    return coro::perform(io::datagram_receive(io::access::descriptor(at), bytes, false), until);
}

task<result<received_datagram>> receive_from(datagram_socket& at, std::span<std::byte> bytes,
                                             deadline until) {
    return coro::perform(io::datagram_receive(io::access::descriptor(at), bytes, true), until);
}

task<result<std::size_t>> receive_many(datagram_socket& at, std::span<datagram_slot> slots,
                                       deadline until) {
    return coro::perform(io::datagrams_receive(io::access::descriptor(at), slots), until);
}

task<result<std::size_t>> send_many(datagram_socket& from,
                                    std::span<const outgoing_datagram> datagrams, deadline until) {
    return coro::perform(io::datagrams_send(io::access::descriptor(from), datagrams), until);
}

}  // namespace weft::co
