// SPDX-License-Identifier: Apache-2.0
#include <weft/tls.h>

#include <utility>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "tls/context.h"

namespace weft {

namespace {

std::unexpected<error> failed(tls::failure&& reason, std::string* why) {
    if (why != nullptr) {
        *why = std::move(reason.text);
    }
    return base::fail(reason.code, "TLS context");
}

std::unexpected<error> other_kind(std::string* why) {
    return failed({std::make_error_code(std::errc::invalid_argument),
                   "a client's context cannot become a server's, nor the reverse"},
                  why);
}

/// The first key is made here and not when it is needed: servers that fork for each client would
/// make one in each child, whose tickets no other child knows.
std::shared_ptr<tls::ticket_keys> new_ticket_keys() {
    auto keys = std::make_shared<tls::ticket_keys>();
    static_cast<void>(keys->current(base::now_ns()));
    return keys;
}

constexpr auto moved_from = "a tls_context that was moved from cannot be reloaded";

}  // namespace

result<tls_context> tls_context::client(const tls_client_options& options, std::string* why) {
    auto made = tls::settings::make(options);
    if (!made) {
        return failed(std::move(made.error()), why);
    }
    return tls_context(std::make_shared<tls::context>(std::move(*made)));
}

result<tls_context> tls_context::server(const tls_server_options& options, std::string* why) {
    auto made = tls::settings::make(options, new_ticket_keys());
    if (!made) {
        return failed(std::move(made.error()), why);
    }
    return tls_context(std::make_shared<tls::context>(std::move(*made)));
}

result<void> tls_context::reload(const tls_client_options& options, std::string* why) {
    WEFT_ASSERT(context_ != nullptr, moved_from);
    if (context_->current()->of_server()) {
        return other_kind(why);
    }
    auto made = tls::settings::make(options);
    if (!made) {
        return failed(std::move(made.error()), why);
    }
    context_->replace(std::move(*made));
    return {};
}

result<void> tls_context::reload(const tls_server_options& options, std::string* why) {
    WEFT_ASSERT(context_ != nullptr, moved_from);
    const auto before = context_->current();
    if (!before->of_server()) {
        return other_kind(why);
    }
    // A ticket stands for a check of the client's certificate that the new options may not pass.
    const bool checks =
        before->asks_clients() || options.client_certificate != tls_client_certificate::none;
    auto made = tls::settings::make(options, checks ? new_ticket_keys() : before->keys());
    if (!made) {
        return failed(std::move(made.error()), why);
    }
    context_->replace(std::move(*made));
    return {};
}

}  // namespace weft
