// SPDX-License-Identifier: Apache-2.0
#include "crowd_client.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace bench {

namespace {

using namespace std::string_literals;
using digest = std::array<unsigned char, 32>;

constexpr std::uint32_t protocol = 3U << 16;
constexpr std::uint32_t tls_request = 80877103;
// Of a login that waits for its turn among ten thousand.
constexpr auto longest_wait = std::chrono::minutes(5);

std::string number(std::uint32_t value) {
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) {
        bytes += static_cast<char>(value >> shift & 0xff);
    }
    return bytes;
}

std::uint32_t number_at(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char each : bytes.substr(0, 4)) {
        value = value << 8 | static_cast<unsigned char>(each);
    }
    return value;
}

/// With its length before it, which counts itself.
std::string with_length(const std::string& body) {
    return number(static_cast<std::uint32_t>(body.size() + 4)) + body;
}

[[noreturn]] void fail(std::string_view what) {
    throw std::runtime_error(std::string(what));
}

/// The message of an ErrorResponse.
std::string text_of(std::string_view error) {
    for (std::size_t at = 0; at < error.size() && error[at] != '\0';) {
        const std::string_view field = error.substr(at, error.find('\0', at) - at);
        if (field.front() == 'M') {
            return std::string(field.substr(1));
        }
        at += field.size() + 1;
    }
    return "an error";
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64(std::span<const unsigned char> bytes) {
    std::string text(4 * (bytes.size() + 2) / 3 + 4, '\0');
    const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::vector<unsigned char> from_base64(std::string_view text) {
    std::vector<unsigned char> bytes(text.size());
    const int size = ::EVP_DecodeBlock(bytes.data(), bytes_of(text), static_cast<int>(text.size()));
    const auto padding = static_cast<int>(std::ranges::count(text, '='));
    bytes.resize(static_cast<std::size_t>(std::max(size - padding, 0)));
    return bytes;
}

digest hmac(std::span<const unsigned char> key, std::string_view data) {
    digest out{};
    ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data), data.size(),
           out.data(), nullptr);
    return out;
}

/// What follows "x=" in "r=..,s=..,i=..".
std::string_view attribute(std::string_view of, char name) {
    for (std::size_t at = 0; at < of.size();) {
        const std::string_view part = of.substr(at, of.find(',', at) - at);
        if (part.starts_with(name)) {
            return part.substr(2);
        }
        at += part.size() + 1;
    }
    fail("a SCRAM challenge without what it must have");
}

/// The password as SCRAM salts it, computed once: the load must not take the CPU of what is
/// measured.
digest salted(const std::string& password, std::string_view salt, std::string_view iterations) {
    static std::mutex lock;
    static std::map<std::string, digest> known;
    const std::lock_guard held(lock);
    const auto [place, is_new] =
        known.try_emplace(password + '\0' + std::string(salt) + std::string(iterations));
    if (is_new) {
        const std::vector<unsigned char> raw = from_base64(salt);
        ::PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw.data(),
                            static_cast<int>(raw.size()), std::stoi(std::string(iterations)),
                            ::EVP_sha256(), static_cast<int>(place->second.size()),
                            place->second.data());
    }
    return place->second;
}

std::string first_of_scram() {
    std::array<unsigned char, 18> nonce{};
    ::RAND_bytes(nonce.data(), static_cast<int>(nonce.size()));
    return "n=,r=" + base64(nonce);
}

/// The client's answer (RFC 5802) to the server's challenge.
std::string proof_of_scram(const std::string& password, const std::string& bare,
                           std::string_view challenge) {
    const digest key =
        hmac(salted(password, attribute(challenge, 's'), attribute(challenge, 'i')), "Client Key");
    digest stored{};
    ::EVP_Digest(key.data(), key.size(), stored.data(), nullptr, ::EVP_sha256(), nullptr);
    const std::string answer = "c=biws,r=" + std::string(attribute(challenge, 'r'));
    digest proof = hmac(stored, bare + ',' + std::string(challenge) + ',' + answer);
    std::ranges::transform(proof, key, proof.begin(), [](unsigned char a, unsigned char b) {
        return static_cast<unsigned char>(a ^ b);
    });
    return answer + ",p=" + base64(proof);
}

}  // namespace

crowd_client::crowd_client(const login& as) {
    auto connected = weft::connect(as.address, longest_wait);
    if (!connected) {
        fail("connect: " + connected.error().message());
    }
    socket_ = std::move(*connected);
    if (as.tls) {
        ask_for_tls(as);
    }
    log_in(as);
}

void crowd_client::ask_for_tls(const login& as) {
    send(with_length(number(tls_request)));
    std::byte answer{};
    if (read_some({&answer, 1}) != 1 || answer != std::byte{'S'}) {
        fail("the server has no TLS");
    }
    tls_.emplace(&socket_, *as.tls);
    if (const auto done = tls_->handshake(longest_wait); !done) {
        fail("TLS: " + done.error().message());
    }
}

void crowd_client::log_in(const login& as) {
    send(with_length(number(protocol) + "user\0"s + as.user + "\0database\0"s + as.database +
                     "\0\0"s));
    for (;;) {
        const message next = receive();
        if (next.kind == 'E') {
            fail("login: " + text_of(next.body));
        }
        if (next.kind == 'R') {
            authenticate(as, next.body);
        }
        if (next.kind == 'Z') {
            return;
        }
    }
}

void crowd_client::authenticate(const login& as, std::string_view body) {
    constexpr std::uint32_t ok = 0, sasl = 10, sasl_continue = 11, sasl_final = 12;
    switch (number_at(body)) {
        case ok:
        case sasl_final:
            break;
        case sasl: {
            scram_bare_ = first_of_scram();
            const std::string first = "n,," + scram_bare_;
            send("p" + with_length("SCRAM-SHA-256\0"s +
                                   number(static_cast<std::uint32_t>(first.size())) + first));
            break;
        }
        case sasl_continue:
            send("p" + with_length(proof_of_scram(as.password, scram_bare_, body.substr(4))));
            break;
        default:
            fail("the server wants a password in a way that this program has not");
    }
}

void crowd_client::run(std::string_view sql) {
    send("Q" + with_length(std::string(sql) + '\0'));
    for (;;) {
        const message next = receive();
        if (next.kind == 'E') {
            fail("query: " + text_of(next.body));
        }
        if (next.kind == 'Z') {
            return;
        }
    }
}

void crowd_client::finish() {
    send("X" + with_length(""));
}

crowd_client::message crowd_client::receive() {
    constexpr std::size_t head = 5;
    fill(head);
    const char* const start = reinterpret_cast<const char*>(buffer_.data()) + begin_;
    const char kind = *start;
    const std::size_t size = number_at({start + 1, 4}) - 4;
    begin_ += head;
    if (size <= buffer_.size()) {
        fill(size);
        const std::string_view body{reinterpret_cast<const char*>(buffer_.data()) + begin_, size};
        begin_ += size;
        return {kind, body};
    }
    for (std::size_t left = size; left > 0;) {
        fill(1);
        const std::size_t skipped = std::min(left, end_ - begin_);
        begin_ += skipped;
        left -= skipped;
    }
    return {kind, {}};
}

void crowd_client::fill(std::size_t size) {
    if (end_ - begin_ >= size) {
        return;
    }
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    while (end_ < size) {
        end_ += read_some(std::span(buffer_).subspan(end_));
    }
}

std::size_t crowd_client::read_some(std::span<std::byte> into) {
    const auto got = tls_ ? tls_->read(into, longest_wait) : socket_.read(into, longest_wait);
    if (!got) {
        fail("read: " + got.error().message());
    }
    if (*got == 0) {
        fail("the server closed the connection");
    }
    return *got;
}

void crowd_client::send(std::string_view bytes) {
    const auto raw = std::as_bytes(std::span(bytes));
    if (const auto sent = tls_ ? tls_->write(raw) : socket_.write(raw); !sent) {
        fail("write: " + sent.error().message());
    }
}

}  // namespace bench
