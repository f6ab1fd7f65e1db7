// SPDX-License-Identifier: Apache-2.0
//
// The calls of weft::socket beyond read() and write(), in coroutines.
#include <weft/co.h>

#include "coro/async_call.h"
#include "io/stream_calls.h"

namespace weft::co {

task<result<void>> read_exactly(socket& from, std::span<std::byte> bytes, deadline until) {
    return coro::perform(io::exact_read(io::access::descriptor(from), bytes), until);
}

task<result<void>> read_exactly(pipe_reader& from, std::span<std::byte> bytes, deadline until) {
    return coro::perform(io::exact_read(io::access::descriptor(from), bytes), until);
}

task<result<std::size_t>> readv(socket& from, std::span<const std::span<std::byte>> parts,
                                deadline until) {
    return coro::perform(io::vectored_read(io::access::descriptor(from), parts), until);
}

task<result<void>> writev(socket& to, std::span<const std::span<const std::byte>> parts,
                          deadline until) {
    return coro::perform(io::vectored_write(io::access::descriptor(to), parts), until);
}

task<result<std::uint64_t>> send_file(socket& to, int file, std::uint64_t offset,
                                      std::uint64_t length, deadline until) {
    return coro::perform(io::file_send(io::access::descriptor(to), file, offset, length), until);
}

task<result<std::uint64_t>> copy_stream(socket& from, socket& to, deadline until) {
    return coro::perform(io::stream_copy(io::access::descriptor(from), io::access::descriptor(to)),
                         until);
}

task<result<void>> send_descriptors(socket& to, std::span<const int> descriptors,
                                    std::span<const std::byte> bytes, deadline until) {
    return coro::perform(io::descriptor_send(io::access::descriptor(to), descriptors, bytes),
                         until);
}

task<result<received_descriptors>> receive_descriptors(socket& from, std::span<std::byte> bytes,
                                                       deadline until) {
    return coro::perform(io::descriptor_receive(io::access::descriptor(from), bytes), until);
}

}  // namespace weft::co
