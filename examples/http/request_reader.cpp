// SPDX-License-Identifier: Apache-2.0
#include "request_reader.h"

#include <strings.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace http {

namespace {

/// Beside the largest head.
constexpr std::size_t room_for_body = 4096;
/// A body that was larger does not stay in memory while its client thinks.
constexpr std::size_t kept_body = 4096;

bool same(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// Whether a header goes on on the next line, which llhttp accepts and others do not.
bool has_folded_line(std::string_view head) noexcept {
    for (std::size_t at = head.find('\n'); at + 1 < head.size(); at = head.find('\n', at + 1)) {
        if (head[at + 1] == ' ' || head[at + 1] == '\t') {
            return true;
        }
    }
    return false;
}

}  // namespace

request_reader::request_reader(const request_limits& limits)
    : limits_(limits), bytes_(limits.head + room_for_body) {
    llhttp_init(&parser_, HTTP_REQUEST, &callbacks());
    parser_.data = this;
}

const llhttp_settings_t& request_reader::callbacks() noexcept {
    static const llhttp_settings_t all = [] {
        llhttp_settings_t s;
        llhttp_settings_init(&s);
        s.on_url = [](llhttp_t* p, const char* at, std::size_t size) {
            of(p).extend(of(p).target_, at, size);
            return 0;
        };
        s.on_header_field = [](llhttp_t* p, const char* at, std::size_t size) {
            return of(p).add_name(at, size);
        };
        s.on_header_field_complete = [](llhttp_t* p) {
            of(p).name_open_ = false;
            return 0;
        };
        s.on_header_value = [](llhttp_t* p, const char* at, std::size_t size) {
            if (of(p).phase_ == phase::body) {
                return of(p).count_framing(size);
            }
            of(p).extend(of(p).fields_.back().value, at, size);
            return 0;
        };
        s.on_headers_complete = [](llhttp_t* p) {
            of(p).phase_ = phase::body;
            return static_cast<int>(HPE_PAUSED);
        };
        s.on_chunk_extension_name = s.on_chunk_extension_value =
            [](llhttp_t* p, const char*, std::size_t size) { return of(p).count_framing(size); };
        s.on_body = [](llhttp_t* p, const char* at, std::size_t size) {
            return of(p).add_body(at, size);
        };
        s.on_message_complete = [](llhttp_t* p) {
            of(p).phase_ = phase::complete;
            return static_cast<int>(HPE_PAUSED);
        };
        return s;
    }();
    return all;
}

std::span<std::byte> request_reader::room() noexcept {
    // All that lies behind the head has become a part of the body.
    if (phase_ == phase::body) {
        parsed_ = end_ = head_end_;
    }
    if (start_ != 0) {
        std::memmove(bytes_.data(), bytes_.data() + start_, end_ - start_);
        head_end_ -= std::min(head_end_, start_);
        parsed_ -= start_;
        end_ -= std::exchange(start_, 0);
    }
    return std::as_writable_bytes(std::span(bytes_).subspan(end_));
}

progress request_reader::advance() {
    if (phase_ == phase::complete) {
        begin();
    }
    bool at_end_of_head = false;
    while (phase_ == phase::head || phase_ == phase::body) {
        std::size_t size = end_ - parsed_;
        if (phase_ == phase::head) {
            const std::size_t left = limits_.head - (parsed_ - start_);
            if (left == 0) {
                refuse(431);
                break;
            }
            size = std::min(size, left);
        }
        // A request without a body is complete without a byte more.
        if (size == 0 && !at_end_of_head) {
            return std::exchange(continue_wanted_, false) ? progress::expects_continue
                                                          : progress::more;
        }
        at_end_of_head = execute(size);
    }
    return phase_ == phase::complete ? progress::complete : progress::refused;
}

void request_reader::begin() {
    start_ = parsed_;
    phase_ = phase::head;
    name_open_ = continue_wanted_ = keep_alive_ = false;
    minor_ = 1;
    target_ = {};
    fields_.clear();
    framing_ = 0;
    if (body_.capacity() > kept_body) {
        body_ = {};
    }
    body_.clear();
}

/// Parses `size` bytes. Whether they were the last ones of the head.
bool request_reader::execute(std::size_t size) {
    const bool in_head = phase_ == phase::head;
    // Who has begun with the body has not waited.
    continue_wanted_ = continue_wanted_ && size == 0;
    const char* const from = bytes_.data() + parsed_;
    const llhttp_errno_t error = llhttp_execute(&parser_, from, size);
    if (error == HPE_OK) {
        parsed_ += size;
        return false;
    }
    if (error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE) {
        parsed_ = static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - bytes_.data());
        llhttp_resume(&parser_);
        llhttp_resume_after_upgrade(&parser_);  // to what others speak: not here
        if (in_head && phase_ == phase::body) {
            head_end_ = parsed_;
            check_head();
            return true;
        }
        return false;
    }
    const bool other_version = error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE;
    refuse(other_version ? 505 : 400);
    return false;
}

/// The first reason counts. What it returns stops llhttp.
int request_reader::refuse(int status) noexcept {
    if (phase_ != phase::refused) {
        phase_ = phase::refused;
        status_ = status;
    }
    return HPE_USER;
}

void request_reader::check_head() noexcept {
    minor_ = parser_.http_minor;
    // After CONNECT something else than requests would come.
    keep_alive_ = llhttp_should_keep_alive(&parser_) != 0 && parser_.method != HTTP_CONNECT;
    const std::string_view head(bytes_.data() + start_, head_end_ - start_);
    if (parser_.http_major != 1) {
        refuse(505);
    } else if (has_folded_line(head)) {
        refuse(400);
    } else {
        check_fields();
    }
}

void request_reader::check_fields() noexcept {
    std::size_t hosts = 0;
    for (const field& each : fields_) {
        const std::string_view name = text(each.name);
        const std::string_view value = text(each.value);
        if (same(name, "Host")) {
            ++hosts;
        } else if (same(name, "Transfer-Encoding")) {
            // llhttp has seen to it that `chunked` is the last one, and that there is no length.
            if (minor_ == 0 || !same(value, "chunked")) {
                refuse(minor_ == 0 ? 400 : 501);
            }
        } else if (same(name, "Expect") && minor_ != 0) {
            if (!same(value, "100-continue")) {
                refuse(417);
            }
            continue_wanted_ = true;
        }
    }
    const bool has_body = (parser_.flags & F_CHUNKED) != 0 || parser_.content_length != 0;
    continue_wanted_ = continue_wanted_ && has_body;
    if (hosts > 1 || (hosts == 0 && minor_ != 0)) {
        refuse(400);
    } else if (parser_.content_length > limits_.body) {
        refuse(413);
    }
}

int request_reader::add_name(const char* at, std::size_t size) {
    if (phase_ == phase::body) {
        return count_framing(size);
    }
    if (!std::exchange(name_open_, true)) {
        if (fields_.size() == limits_.headers) {
            return refuse(431);
        }
        fields_.emplace_back();
    }
    extend(fields_.back().name, at, size);
    return 0;
}

int request_reader::add_body(const char* at, std::size_t size) {
    if (size > limits_.body - body_.size()) {
        return refuse(413);
    }
    body_.append(at, size);
    return 0;
}

int request_reader::count_framing(std::size_t size) noexcept {
    framing_ += size;
    return framing_ > limits_.head ? refuse(431) : 0;
}

/// llhttp hands out what lies between two calls of llhttp_execute() in two pieces.
void request_reader::extend(part& what, const char* at, std::size_t size) const noexcept {
    if (what.size == 0) {
        what.offset = static_cast<std::size_t>(at - bytes_.data()) - start_;
    }
    what.size += size;
}

std::string_view request_reader::text(const part& what) const noexcept {
    std::string_view found(bytes_.data() + start_ + what.offset, what.size);
    while (!found.empty() && (found.back() == ' ' || found.back() == '\t')) {
        found.remove_suffix(1);
    }
    return found;
}

bool request_reader::begun() const noexcept {
    return phase_ == phase::body || (phase_ == phase::head && end_ != start_);
}

std::string_view request_reader::method() const noexcept {
    return phase_ == phase::complete
               ? llhttp_method_name(static_cast<llhttp_method_t>(parser_.method))
               : std::string_view();
}

std::string_view request_reader::path() const noexcept {
    std::string_view found = text(target_);
    if (const std::size_t scheme = found.find("://");
        !found.starts_with('/') && scheme != found.npos) {
        const std::size_t path = found.find('/', scheme + 3);
        found = path == found.npos ? "/" : found.substr(path);
    }
    return found.substr(0, found.find_first_of("?#"));
}

std::string_view request_reader::header(std::string_view name) const noexcept {
    const auto found = std::ranges::find_if(
        fields_, [&](const field& each) { return same(text(each.name), name); });
    return found != fields_.end() ? text(found->value) : std::string_view();
}

}  // namespace http
