// SPDX-License-Identifier: Apache-2.0
#include "auth/userlist.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace weft::pool {

namespace {

class userlist_reader {
public:
    explicit userlist_reader(std::string_view text) : text_(text) {}

    userlist read() {
        while (!list_.error && to_next_entry()) {
            read_entry();
        }
        return std::move(list_);
    }

private:
    void fail(std::size_t at, std::string message) {
        const auto lines = std::ranges::count(text_.substr(0, at), '\n');
        list_.error = line_error{static_cast<std::size_t>(lines) + 1, std::move(message)};
    }

    /// Where the next one of `characters` is, or the end.
    [[nodiscard]] std::size_t find(std::string_view characters) const {
        return std::min(text_.find_first_of(characters, at_), text_.size());
    }

    /// Over blanks, empty lines and comments. False at the end.
    bool to_next_entry() {
        for (;;) {
            at_ = std::min(text_.find_first_not_of(" \t\r\n\v\f", at_), text_.size());
            if (at_ == text_.size() || text_[at_] != ';') {
                return at_ < text_.size();
            }
            at_ = find("\n");
        }
    }

    void read_entry() {
        const std::size_t begin = at_;
        if (text_[at_] != '"') {
            return fail(begin, "a user name in quotation marks is missing");
        }
        auto name = read_quoted("user name", longest_user_name);
        if (!name) {
            return;
        }
        at_ = find("\"\n");
        if (at_ == text_.size() || text_[at_] != '"') {
            return fail(begin, "the password in quotation marks is missing");
        }
        auto password = read_quoted("password", longest_secret);
        if (!password) {
            return;
        }
        list_.users.insert_or_assign(std::move(*name), secret::parse(std::move(*password)));
        at_ = find("\n");
    }

    /// From the quotation mark at at_ beyond the one that ends it.
    std::optional<std::string> read_quoted(std::string_view what, std::size_t longest) {
        const std::size_t begin = at_++;
        std::string value;
        for (;;) {
            const std::size_t quote = find("\"");
            value += text_.substr(at_, quote - at_);
            if (quote == text_.size()) {
                fail(begin,
                     "the quotation mark that ends the " + std::string(what) + " is missing");
                return std::nullopt;
            }
            at_ = quote + 1;
            if (at_ == text_.size() || text_[at_] != '"') {
                break;
            }
            value += '"';
            ++at_;
        }
        if (value.size() > longest || value.find('\0') != std::string::npos) {
            fail(begin, "the " + std::string(what) +
                            (value.size() > longest ? " is too long" : " has a NUL"));
            return std::nullopt;
        }
        return value;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    userlist list_;
};

}  // namespace

userlist parse_userlist(std::string_view text) {
    return userlist_reader(text).read();
}

}  // namespace weft::pool
