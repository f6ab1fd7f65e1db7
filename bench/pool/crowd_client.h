// SPDX-License-Identifier: Apache-2.0
//
// A client of PostgreSQL's protocol that knows as much as a benchmark needs: it logs in (without a
// password or by SCRAM-SHA-256, with TLS or without) and runs simple queries whose results it only
// counts. Blocking calls for fibers. What goes wrong is thrown: a benchmark has no use for half of
// its clients.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weft/socket.h>
#include <weft/tls.h>

namespace bench {

struct login {
    weft::endpoint address;
    std::string user = "weft";
    std::string database = "bench";
    std::string password = {};
    std::optional<weft::tls_context> tls = {};
};

class crowd_client {
public:
    /// Connected and ready for a query.
    explicit crowd_client(const login& as);

    /// Until the answer is complete.
    void run(std::string_view sql);

    /// Says goodbye.
    void finish();

private:
    /// The letter of a message, and its body if it is short: the rest of a long one is skipped.
    struct message {
        char kind = 0;
        std::string_view body;
    };

    void ask_for_tls(const login& as);
    void log_in(const login& as);
    void authenticate(const login& as, std::string_view body);
    message receive();
    /// At least `size` bytes of the stream are in the buffer after this.
    void fill(std::size_t size);
    std::size_t read_some(std::span<std::byte> into);
    void send(std::string_view bytes);

    weft::socket socket_;
    std::optional<weft::tls_socket> tls_;
    std::string scram_bare_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::array<std::byte, 16 * 1024> buffer_;
};

}  // namespace bench
