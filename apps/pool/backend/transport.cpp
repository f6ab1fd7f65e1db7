// SPDX-License-Identifier: Apache-2.0
#include "backend/transport.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <type_traits>

#include <weft/errno.h>

namespace weft::pool {

result<void> transport::start_tls(const tls_context& with, std::string server_name,
                                  deadline until) {
    tls_ = tls_socket(std::move(plain_), with, std::move(server_name));
    encrypted_ = true;
    return tls_.handshake(until);
}

result<void> transport::go_on_with_tls(deadline until) {
    return tls_.handshake(until);
}

result<std::size_t> transport::read(std::span<char> into, deadline until) {
    const auto bytes = std::as_writable_bytes(into);
    return encrypted() ? tls_.read(bytes, until) : plain_.read(bytes, until);
}

result<void> transport::wait_for_tls(deadline until) const {
    const auto which = select(on_readable(tls_), on_deadline(until));
    if (!which) {
        return std::unexpected(which.error());
    }
    return *which == 0
               ? result<void>()
               : std::unexpected(weft::error(std::make_error_code(std::errc::timed_out), "wait"));
}

result<void> transport::write(std::string_view bytes, deadline until) {
    const auto span = std::as_bytes(std::span(bytes));
    return encrypted() ? tls_.write(span, until) : plain_.write(span, until);
}

result<std::size_t> transport::write_some(std::string_view bytes, deadline until) {
    if (encrypted()) {
        const auto sent = tls_.write(std::as_bytes(std::span(bytes)), until);
        return sent ? result<std::size_t>(bytes.size()) : std::unexpected(sent.error());
    }
    for (;;) {
        const ssize_t sent =
            ::send(plain_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            return static_cast<std::size_t>(sent);
        }
        const int error = errno;
        if (error == EAGAIN) {
            return std::size_t{0};
        }
        if (error != EINTR) {
            return std::unexpected(
                weft::error(std::error_code(error, std::generic_category()), "send"));
        }
    }
}

void transport::close() noexcept {
    if (encrypted()) {
        tls_.close();
    } else {
        plain_.close();
    }
}

namespace {

/// Makes an object in place of one that cannot be moved.
template <class Make>
struct in_place_of {
    Make make;
    operator std::invoke_result_t<Make>() const { return make(); }  // NOLINT(*-explicit-*)
};

/// A case of a select for each direction of a transport that is waited for.
class cases_of {
public:
    cases_of(const transport& of, bool read, bool write) {
        if (read && of.encrypted()) {
            add(read_tls_.emplace(in_place_of{[&] { return on_readable(of.tls()); }}));
        } else if (read) {
            add(read_plain_.emplace(in_place_of{[&] { return on_readable(of.raw()); }}));
        }
        if (write) {
            add(write_.emplace(in_place_of{[&] { return on_writable(of.raw()); }}));
        }
    }
    cases_of(const cases_of&) = delete;
    cases_of& operator=(const cases_of&) = delete;

    [[nodiscard]] std::span<select_case* const> all() const noexcept {
        return std::span(all_).first(count_);
    }

private:
    using plain_case = decltype(on_readable(std::declval<const socket&>()));
    using tls_case = decltype(on_readable(std::declval<const tls_socket&>()));

    void add(select_case& one) noexcept { all_[count_++] = &one; }

    std::optional<plain_case> read_plain_;
    std::optional<tls_case> read_tls_;
    std::optional<plain_case> write_;
    std::array<select_case*, 2> all_{};
    std::size_t count_ = 0;
};

}  // namespace

result<readiness> wait_for_either(const transport& first, const transport& second, readiness wanted,
                                  deadline until, select_case* other) {
    const cases_of ours(first, wanted.read_first, wanted.write_first);
    const cases_of theirs(second, wanted.read_second, wanted.write_second);
    auto at_deadline = on_deadline(until);
    std::array<select_case*, 6> all{};
    std::size_t count = 0;
    for (const cases_of* each : {&ours, &theirs}) {
        for (select_case* const one : each->all()) {
            all[count++] = one;
        }
    }
    if (other != nullptr) {
        all[count++] = other;
    }
    all[count++] = &at_deadline;
    const result<std::size_t> taken = select(std::span<select_case* const>(all.data(), count));
    if (!taken) {
        return std::unexpected(taken.error());
    }
    if (*taken == count - 1) {
        return std::unexpected(weft::error(std::make_error_code(std::errc::timed_out), "wait"));
    }
    readiness found;
    std::size_t index = 0;
    const auto is_taken = [&](bool was_wanted) { return was_wanted && index++ == *taken; };
    found.read_first = is_taken(wanted.read_first);
    found.write_first = is_taken(wanted.write_first);
    found.read_second = is_taken(wanted.read_second);
    found.write_second = is_taken(wanted.write_second);
    found.other = is_taken(other != nullptr);
    return found;
}

bool has_something(const transport& from) noexcept {
    const auto taken = from.encrypted() ? select(on_readable(from.tls()), otherwise())
                                        : select(on_readable(from.raw()), otherwise());
    return !taken || *taken == 0;
}

}  // namespace weft::pool
