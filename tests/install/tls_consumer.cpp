// SPDX-License-Identifier: Apache-2.0
//
// Links weft::tls: asks for a context that cannot be made, and for a handshake over nothing.
#include <weft/runtime.h>
#include <weft/tls.h>

#include <string>
#include <system_error>

int main() {
    std::string why;
    const auto server = weft::tls_context::server({}, &why);
    const auto client = weft::tls_context::client({.check = weft::tls_check::none});
    if (server || why.empty() || !client) {
        return 1;
    }
    return weft::run([&] {
        weft::tls_socket nothing(weft::socket(), *client);
        const auto done = nothing.handshake();
        return !done && done.error() == std::errc::bad_file_descriptor ? 0 : 1;
    });
}
