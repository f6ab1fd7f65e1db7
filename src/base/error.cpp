// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <algorithm>
#include <ostream>

namespace weft {

namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "weft"; }

    [[nodiscard]] std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::unexpected_end_of_stream:
                return "the peer ended the stream before all the data had come";
            case errc::invalid_address:
                return "not an address; expected HOST:PORT, [IPV6]:PORT or unix:PATH";
            case errc::connection_limit:
                return "the server's limit of connections is reached";
            case errc::channel_closed:
                return "the channel is closed; stop sending or receiving, or let only the last "
                       "sender close it";
            case errc::limit_exceeded:
                return "what was expected did not come within the limit of bytes";
        }
        return "unknown weft error " + std::to_string(code);
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

namespace {

constexpr std::string_view cut = "...";

struct advice {
    std::errc failure;
    std::string_view operation;  // empty: any
    std::string_view text;
};

// Where the system's own words do not say what to do.
constexpr advice what_to_do[] = {
    {std::errc::too_many_files_open, "watch", "raise fs.inotify.max_user_instances or ulimit -n"},
    {std::errc::too_many_files_open, "", "raise the limit: ulimit -n"},
    {std::errc::too_many_files_open_in_system, "", "raise fs.file-max"},
    {std::errc::no_space_on_device, "watch", "raise fs.inotify.max_user_watches"},
    {std::errc::address_in_use, "listen", "another socket has it: ss -ltnx"},
    {std::errc::permission_denied, "listen", "ports below 1024 need CAP_NET_BIND_SERVICE"},
    {std::errc::connection_refused, "connect", "nobody listens there"},
    {std::errc::operation_canceled, "", "a stop was requested, or it was closed meanwhile"},
};

/// A byte of a UTF-8 character, but not its first.
bool is_continuation(char byte) noexcept {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// Names may come from anywhere, and go into logs and onto terminals.
char printable(char byte) noexcept {
    return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f ? '?' : byte;
}

std::string_view advice_for(const error& failed) noexcept {
    // A path, not a port.
    if (failed == std::errc::permission_denied && failed.subject().starts_with("unix:")) {
        return {};
    }
    const auto* const found = std::ranges::find_if(what_to_do, [&](const advice& a) {
        return failed == a.failure && (a.operation.empty() || a.operation == failed.operation());
    });
    return found != std::end(what_to_do) ? found->text : std::string_view();
}

}  // namespace

error::error(const std::error_code& code, const char* operation, std::string_view subject) noexcept
    : std::error_code(code), operation_(operation) {
    auto place = subject_.begin();
    if (subject.size() > most_of_subject) {
        place = std::ranges::copy(cut, place).out;
        subject.remove_prefix(subject.size() - (most_of_subject - cut.size()));
        while (!subject.empty() && is_continuation(subject.front())) {
            subject.remove_prefix(1);
        }
    }
    std::ranges::transform(subject, place, printable);
}

std::string error::message() const {
    std::string text(operation());
    if (!subject().empty()) {
        text += text.empty() ? "" : " ";
        text += subject();
    }
    text += text.empty() ? "" : ": ";
    text += std::error_code::message();
    if (const std::string_view more = advice_for(*this); !more.empty()) {
        text += " (";
        text += more;
        text += ")";
    }
    return text;
}

std::ostream& operator<<(std::ostream& out, const error& failed) {
    return out << failed.message();
}

}  // namespace weft
