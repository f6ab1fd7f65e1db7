// SPDX-License-Identifier: Apache-2.0
//
// tls_socket: calls of fibers and plain threads, and of coroutines. Both are the loop in the head
// of engine.h.
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/tls.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "io/wait.h"
#include "sched/current.h"
#include "tls/engine.h"
#include "tls/need_awaiter.h"

namespace weft {

struct tls_access {
    static tls::engine* engine(tls_socket& s) noexcept { return s.engine_.get(); }
};

namespace {

using tls::action;
using tls::call;
using tls::engine;
using tls::need;

std::error_code generic(int negated) noexcept {
    return {-negated, std::generic_category()};
}

/// `last`: the wait before this ended with an error; the socket is tried once more.
need advance(engine& e, call& c, need before, bool last) {
    if (last) {
        e.expect_ready(before);
    }
    return e.advance(c);
}

/// 0, or what ended the wait, negated.
int wait(engine& e, need n, deadline until) noexcept {
    switch (n) {
        case need::again:
            this_fiber::checkpoint();
            return 0;
        case need::turn:
            return e.bell().wait(until);
        default:
            return io::wait_until_ready(
                e.descriptor(), n == need::readable ? io::direction::read : io::direction::write,
                until);
    }
}

/// Whether the socket is to be tried once more when a wait ended so; as io::last_try().
bool may_try_again(engine& e, need n, int error) noexcept {
    const bool of_socket = n == need::readable || n == need::writable;
    return of_socket && (error == -ETIMEDOUT || (error == -ECANCELED && !e.descriptor().closed()));
}

void run(engine& e, call& c, deadline until) {
    need n = need::again;
    int failed = 0;  // how the last wait ended, if there was nothing else to be done since
    for (;;) {
        const need before = n;
        {
            const std::lock_guard guard(e.lock());
            n = advance(e, c, before, failed != 0);
        }
        e.of_select().ring();
        if (n == need::nothing) {
            return;
        }
        const int error = failed != 0 && n == before ? failed : wait(e, n, until);
        if (error != 0 && (failed != 0 || !may_try_again(e, n, error))) {
            {
                const std::lock_guard guard(e.lock());
                e.abandon(c, generic(error));
            }
            return e.of_select().ring();
        }
        failed = error;
        this_fiber::checkpoint();
    }
}

task<> run_async(engine& e, call& c, deadline until) {
    need n = need::again;
    int failed = 0;
    for (;;) {
        const need before = n;
        {
            const auto guard = co_await co::lock(e.lock());
            n = advance(e, c, before, failed != 0);
        }
        e.of_select().ring();
        if (n == need::nothing) {
            co_return;
        }
        int error = failed;
        if (n == need::again) {
            co_await co::yield();
            error = 0;
        } else if (failed == 0 || n != before) {
            error = co_await tls::need_awaiter(e, n, until);
        }
        if (error != 0 && (failed != 0 || !may_try_again(e, n, error))) {
            {
                const auto guard = co_await co::lock(e.lock());
                e.abandon(c, generic(error));
            }
            e.of_select().ring();
            co_return;
        }
        failed = error;
    }
}

constexpr const char* name_of(action what) noexcept {
    switch (what) {
        case action::handshake:
            return "TLS handshake";
        case action::read:
            return "read";
        case action::write:
            return "write";
        case action::shutdown:
            return "shutdown";
    }
    return nullptr;
}

/// What a call that is over came to.
result<std::size_t> outcome_of(const engine& e, const call& c) noexcept {
    if (c.error) {
        const bool of_handshake =
            c.what == action::handshake || c.error.category() == tls_error_category();
        const bool names_server = of_handshake && e.is_client();
        return base::fail(c.error, name_of(c.what), names_server ? e.server_name() : "");
    }
    return c.done;
}

result<std::size_t> run_here(engine* e, action what, std::span<const std::byte> bytes,
                             deadline until) {
    if (e == nullptr) {
        return base::fail(EBADF, name_of(what));
    }
    WEFT_ASSERT(!sched::on_coroutine(),
                "a coroutine must co_await weft::co's calls on a tls_socket");
    call c{.what = what,
           .polled = sched::on_fiber(),
           .data = const_cast<std::byte*>(bytes.data()),
           .size = bytes.size()};
    run(*e, c, until);
    if (c.polled && !c.error) {
        io::let_others_run(e->descriptor());
    }
    return outcome_of(*e, c);
}

task<result<std::size_t>> run_there(engine* e, action what, std::span<const std::byte> bytes,
                                    deadline until) {
    if (e == nullptr) {
        co_return base::fail(EBADF, name_of(what));
    }
    call c{.what = what,
           .polled = true,
           .data = const_cast<std::byte*>(bytes.data()),
           .size = bytes.size()};
    co_await run_async(*e, c, until);
    co_return outcome_of(*e, c);
}

result<void> without_count(const result<std::size_t>& outcome) {
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    return {};
}

}  // namespace

tls_socket::tls_socket() noexcept = default;
tls_socket::tls_socket(tls_socket&& other) noexcept = default;
tls_socket& tls_socket::operator=(tls_socket&& other) noexcept = default;
tls_socket::~tls_socket() = default;

tls_socket::tls_socket(socket connected, const tls_context& with, std::string server_name)
    : engine_(std::make_unique<tls::engine>(std::move(connected), nullptr, with.context_,
                                            std::move(server_name))) {}

tls_socket::tls_socket(socket* connected, const tls_context& with, std::string server_name)
    : engine_(std::make_unique<tls::engine>(socket(), connected, with.context_,
                                            std::move(server_name))) {}

result<void> tls_socket::handshake(deadline until) {
    return without_count(run_here(engine_.get(), action::handshake, {}, until));
}

result<std::size_t> tls_socket::read(std::span<std::byte> bytes, deadline until) {
    return run_here(engine_.get(), action::read, bytes, until);
}

result<void> tls_socket::write(std::span<const std::byte> bytes, deadline until) {
    return without_count(run_here(engine_.get(), action::write, bytes, until));
}

result<void> tls_socket::shutdown(deadline until) {
    return without_count(run_here(engine_.get(), action::shutdown, {}, until));
}

void tls_socket::close() noexcept {
    if (engine_ != nullptr) {
        engine_->close();
    }
}

bool tls_socket::is_open() const noexcept {
    return engine_ != nullptr && engine_->transport().is_open();
}

std::string tls_socket::explain() const {
    return engine_ != nullptr ? engine_->explanation() : std::string();
}

std::string_view tls_socket::alpn() const noexcept {
    return engine_ != nullptr ? std::string_view(engine_->alpn()) : std::string_view();
}

std::string_view tls_socket::version() const noexcept {
    return engine_ != nullptr ? engine_->version() : "";
}

std::string_view tls_socket::cipher() const noexcept {
    return engine_ != nullptr ? engine_->cipher() : "";
}

std::string_view tls_socket::server_name() const noexcept {
    return engine_ != nullptr ? std::string_view(engine_->server_name()) : std::string_view();
}

bool tls_socket::resumed() const noexcept {
    return engine_ != nullptr && engine_->resumed();
}

bool tls_socket::has_peer_certificate() const noexcept {
    return engine_ != nullptr && engine_->peer() != nullptr;
}

std::vector<std::string> tls_socket::peer_names() const {
    return has_peer_certificate() ? tls::names_of(*engine_->peer()) : std::vector<std::string>();
}

std::string tls_socket::peer_subject() const {
    return has_peer_certificate() ? tls::text_of(X509_get_subject_name(engine_->peer()))
                                  : std::string();
}

std::vector<std::byte> tls_socket::peer_certificate() const {
    return has_peer_certificate() ? tls::der_of(*engine_->peer()) : std::vector<std::byte>();
}

std::vector<std::byte> tls_socket::local_certificate() const {
    return engine_ != nullptr && engine_->own() != nullptr ? tls::der_of(*engine_->own())
                                                           : std::vector<std::byte>();
}

const socket& tls_socket::transport() const noexcept {
    static const socket none;
    return engine_ != nullptr ? engine_->transport() : none;
}

namespace co {

namespace {

task<result<void>> run_without_count(engine* e, action what, std::span<const std::byte> bytes,
                                     deadline until) {
    const auto outcome = co_await run_there(e, what, bytes, until);
    co_return without_count(outcome);
}

}  // namespace

task<result<void>> handshake(tls_socket& peer, deadline until) {
    return run_without_count(tls_access::engine(peer), action::handshake, {}, until);
}

task<result<std::size_t>> read(tls_socket& from, std::span<std::byte> bytes, deadline until) {
    return run_there(tls_access::engine(from), action::read, bytes, until);
}

task<result<void>> write(tls_socket& to, std::span<const std::byte> bytes, deadline until) {
    return run_without_count(tls_access::engine(to), action::write, bytes, until);
}

task<result<void>> shutdown(tls_socket& peer, deadline until) {
    return run_without_count(tls_access::engine(peer), action::shutdown, {}, until);
}

}  // namespace co

}  // namespace weft
