// SPDX-License-Identifier: Apache-2.0
// What a channel moves under its lock must move without throwing.
#include <weft/channel.h>

#include <memory>

struct throws {
    throws() = default;
    throws(throws&& other);
};

int main() {
#ifdef WEFT_MISUSE
    const weft::channel<throws> c;
#else
    const weft::channel<std::unique_ptr<throws>> c;
#endif
    return c.is_closed() ? 1 : 0;
}
