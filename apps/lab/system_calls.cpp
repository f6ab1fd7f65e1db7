// SPDX-License-Identifier: Apache-2.0
#include "system_calls.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <unistd.h>

namespace weft::lab {

std::unexpected<std::error_code> last_error() noexcept {
    return std::unexpected(std::error_code(errno, std::generic_category()));
}

int milliseconds_until(deadline until) noexcept {
    if (until.is_never()) {
        return -1;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until.time() - weft::clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 1'000'000));
}

result<void> write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            return last_error();
        }
    }
    return {};
}

}  // namespace weft::lab
