// SPDX-License-Identifier: Apache-2.0
//
// The calls of weft::socket beyond read() and write().
#include <weft/socket.h>

#include "base/error.h"
#include "io/call.h"
#include "io/socket_ops.h"
#include "io/stream_calls.h"

namespace weft {

result<void> socket::read_exactly(std::span<std::byte> bytes, deadline until) {
    return io::perform(io::exact_read(descriptor_, bytes), until);
}

result<std::size_t> socket::readv(std::span<const std::span<std::byte>> parts, deadline until) {
    return io::perform(io::vectored_read(descriptor_, parts), until);
}

result<void> socket::writev(std::span<const std::span<const std::byte>> parts, deadline until) {
    return io::perform(io::vectored_write(descriptor_, parts), until);
}

result<void> socket::send_descriptors(std::span<const int> descriptors,
                                      std::span<const std::byte> bytes, deadline until) {
    return io::perform(io::descriptor_send(descriptor_, descriptors, bytes), until);
}

result<received_descriptors> socket::receive_descriptors(std::span<std::byte> bytes,
                                                         deadline until) {
    return io::perform(io::descriptor_receive(descriptor_, bytes), until);
}

result<credentials> socket::peer_credentials() const {
    constexpr auto operation = "peer_credentials";
    if (!is_open()) {
        return base::fail(EBADF, operation);
    }
    if (descriptor_->proto() != io::protocol::unix_stream) {
        return base::fail(EOPNOTSUPP, operation);
    }
    ucred native{};
    socklen_t size = sizeof native;
    if (::getsockopt(descriptor_->fd(), SOL_SOCKET, SO_PEERCRED, &native, &size) != 0) {
        return base::fail_errno(operation);
    }
    return credentials{.process = native.pid, .user = native.uid, .group = native.gid};
}

result<std::uint64_t> send_file(socket& to, int file, std::uint64_t offset, std::uint64_t length,
                                deadline until) {
    return io::perform(io::file_send(io::access::descriptor(to), file, offset, length), until);
}

result<std::uint64_t> copy_stream(socket& from, socket& to, deadline until) {
    return io::perform(io::stream_copy(io::access::descriptor(from), io::access::descriptor(to)),
                       until);
}

}  // namespace weft
