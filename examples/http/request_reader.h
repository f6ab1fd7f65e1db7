// SPDX-License-Identifier: Apache-2.0
//
// Makes HTTP/1.x requests out of bytes. It knows no socket and never waits: who has bytes puts them
// in and asks what has become of them. llhttp does the parsing; the rest is bounds, and refusing
// what servers and proxies are known to read in different ways, by which requests are smuggled.
//
//     for (;;) {
//         switch (reader.advance()) {
//         case progress::complete: ...    // method(), path(), body() are those of this request
//         case progress::refused: ...     // answer with status() and close
//         default: reader.filled(read_into(reader.room()));
//         }
//     }
//
// Views stay valid until the next advance() or room(). Not thread-safe. No input makes it take more
// memory than its limits say.
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace http {

/// Of one request. What is larger is refused.
struct request_limits {
    std::size_t head = 8192;                  ///< bytes of request line and headers: 431
    std::size_t headers = 100;                ///< how many: 431
    std::size_t body = std::size_t{1} << 20;  ///< bytes, as decoded: 413
};

enum class progress : std::uint8_t {
    more,              ///< bytes are needed
    expects_continue,  ///< so are they, but the client waits for `100 Continue` before its body
    complete,          ///< there is a request
    refused,           ///< there will not be: see status()
};

class request_reader {
public:
    explicit request_reader(const request_limits& limits = {});
    request_reader(const request_reader&) = delete;
    request_reader& operator=(const request_reader&) = delete;

    /// Where the next bytes go, 4096 at least, and how many have been put there. Only after
    /// advance() has asked for more.
    [[nodiscard]] std::span<std::byte> room() noexcept;
    void filled(std::size_t size) noexcept { end_ += size; }

    /// Reads on in what has come. A request that was complete is over.
    progress advance();

    /// Whether a part of a request has come, but not all of it.
    [[nodiscard]] bool begun() const noexcept;

    /// Of a request that was refused: what the client is to be told.
    [[nodiscard]] int status() const noexcept { return status_; }

    [[nodiscard]] std::string_view method() const noexcept;
    /// The target without scheme and host, which proxies may send, too.
    [[nodiscard]] std::string_view path() const noexcept;
    /// The first header of that name, in whatever case; without a value if there is none.
    [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
    [[nodiscard]] std::string_view body() const noexcept { return body_; }
    /// HTTP/1.0, where connections end unless both sides say otherwise.
    [[nodiscard]] bool is_1_0() const noexcept { return minor_ == 0; }
    /// Whether the client wants to ask more on this connection.
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }

private:
    enum class phase : std::uint8_t { head, body, complete, refused };

    /// A part of the head, from its first byte on: the head moves when room is made.
    struct part {
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    struct field {
        part name, value;
    };

    static const llhttp_settings_t& callbacks() noexcept;
    static request_reader& of(llhttp_t* parser) noexcept {
        return *static_cast<request_reader*>(parser->data);
    }

    void begin();
    bool execute(std::size_t size);
    int refuse(int status) noexcept;
    void check_head() noexcept;
    void check_fields() noexcept;
    int add_name(const char* at, std::size_t size);
    int add_body(const char* at, std::size_t size);
    int count_framing(std::size_t size) noexcept;
    void extend(part& what, const char* at, std::size_t size) const noexcept;
    [[nodiscard]] std::string_view text(const part& what) const noexcept;

    request_limits limits_;
    llhttp_t parser_;
    std::vector<char> bytes_;
    // Of what lies in bytes_: where the request begins, its head ends (in and after the body),
    // parsing goes on, and the bytes end.
    std::size_t start_ = 0, head_end_ = 0, parsed_ = 0, end_ = 0;
    phase phase_ = phase::head;
    bool name_open_ = false;
    bool continue_wanted_ = false;
    bool keep_alive_ = false;
    int minor_ = 1;
    int status_ = 0;
    part target_;
    std::vector<field> fields_;
    std::string body_;
    std::size_t framing_ = 0;  // bytes of chunks' extensions and of trailers
};

}  // namespace http
