// SPDX-License-Identifier: Apache-2.0
#include "backend/first_byte.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include <weft/errno.h>
#include <weft/select.h>

namespace weft::pool {

result<char> peek_byte(const socket& from, deadline until) {
    for (;;) {
        char byte = 0;
        const ssize_t got = ::recv(from.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got == 1) {
            return byte;
        }
        if (got == 0) {
            return std::unexpected(weft::error(errc::unexpected_end_of_stream, "recv"));
        }
        if (errno != EAGAIN && errno != EINTR) {
            return std::unexpected(
                weft::error(std::error_code(errno, std::generic_category()), "recv"));
        }
        const auto taken = select(on_readable(from), on_deadline(until));
        if (!taken) {
            return std::unexpected(taken.error());
        }
        if (*taken == 1) {
            return std::unexpected(weft::error(std::make_error_code(std::errc::timed_out), "recv"));
        }
    }
}

}  // namespace weft::pool
