// SPDX-License-Identifier: Apache-2.0
#include "tls/engine.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "base/assert.h"
#include "io/socket_ops.h"
#include "tls/bio.h"

namespace weft::tls {

namespace {

using io::direction;

/// What TLS puts into one record.
constexpr std::size_t record_size = 16 * 1024;

/// What one read() gets at most before it lets go of the lock.
constexpr std::size_t longest_read = 4 * record_size;

/// More than any handshake, and than a record with all the answers that OpenSSL gives while nobody
/// takes them.
constexpr std::size_t most_unsent = 256 * 1024;

std::error_code generic(int error) noexcept {
    return {error, std::generic_category()};
}

}  // namespace

engine::engine(socket owned, socket* borrowed, std::shared_ptr<context> with,
               std::string server_name)
    : context_(std::move(with)),
      owned_(std::move(owned)),
      socket_(borrowed != nullptr ? borrowed : &owned_),
      descriptor_(io::access::descriptor(*socket_)),
      data_{.name = std::move(server_name), .verification = {}} {
    WEFT_ASSERT(context_ != nullptr, "a tls_socket needs a context; this one was moved away");
    // A fully qualified name may end with a dot, but certificates and server_name never do.
    if (data_.name.ends_with('.')) {
        data_.name.pop_back();
    }
}

engine::~engine() {
    WEFT_ASSERT(!reading_ && !writing_,
                "a tls_socket is destroyed while a call on it is in flight");
    if (ssl_ != nullptr && established_ && !failure_.code) {
        // Else OpenSSL holds that the session must not be resumed.
        SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
}

void engine::close() noexcept {
    socket_->close();
}

need engine::advance(call& c) {
    need n = need::nothing;
    const int error = enter(c);
    if (error != 0) {
        n = finish(c, generic(error));
    } else {
        try {
            n = step(c);
        } catch (const std::bad_alloc&) {
            n = finish(c, generic(ENOMEM));
        }
    }
    if (n != need::turn) {
        ring_if_wanted();
    }
    return n;
}

void engine::abandon(call& c, std::error_code error) noexcept {
    finish(c, error);
    ring_if_wanted();
}

void engine::expect_ready(need n) noexcept {
    descriptor_->mark_ready(n == need::readable ? direction::read : direction::write);
}

need engine::step(call& c) {
    if (c.what == action::handshake) {
        return handshake(c);
    }
    if (failure_.code) {
        return finish(c, failure_.code);
    }
    if (!established_) {
        return finish(c, generic(ENOTCONN));
    }
    switch (c.what) {
        case action::read:
            return read(c);
        case action::write:
            return write(c);
        default:
            return shutdown(c);
    }
}

/// 0 or an errno value.
int engine::enter(call& c) noexcept {
    if (c.entered) {
        return 0;
    }
    const bool reads = c.what == action::read || c.what == action::handshake;
    const bool writes = c.what != action::read;
    WEFT_ASSERT(!reads || !reading_, "two fibers read the same tls_socket, or shake hands on it");
    WEFT_ASSERT(!writes || !writing_, "two fibers write the same tls_socket, or shake hands on it");
    c.entered = true;
    reading_ = reading_ || reads;
    writing_ = writing_ || writes;
    if (descriptor_ == nullptr) {
        return EBADF;
    }
    if (writes) {
        const int error = descriptor_->begin(direction::write);
        c.has_output = error == 0;
        return error;
    }
    return descriptor_->closed() ? EBADF : 0;
}

void engine::leave(call& c) noexcept {
    if (!c.entered) {
        return;
    }
    give_input(c);
    if (c.has_output) {
        descriptor_->end(direction::write);
        c.has_output = false;
    }
    const bool wrote = c.what == action::write || c.what == action::shutdown;
    reading_ = reading_ && wrote;
    writing_ = writing_ && c.what == action::read;
    c.entered = false;
}

/// What it waits for, if it does not have the input then.
need engine::get_input(call& c) noexcept {
    if (c.has_input) {
        return need::nothing;
    }
    if (input_taken_) {
        turn_wanted_ = true;
        turn_.reset();
        return need::turn;
    }
    if (const int error = descriptor_->begin(direction::read)) {
        return finish(c, generic(error));
    }
    input_taken_ = c.has_input = true;
    return need::nothing;
}

void engine::give_input(call& c) noexcept {
    if (c.has_input) {
        c.has_input = false;
        input_taken_ = false;
        descriptor_->end(direction::read);
        if (c.what != action::read) {
            select_bell_.ring_news();  // what OpenSSL has read may be for a reader
        }
    }
}

void engine::ring_if_wanted() noexcept {
    if (std::exchange(turn_wanted_, false)) {
        turn_.ring();
    }
}

need engine::finish(call& c, std::error_code error) noexcept {
    c.error = error;
    leave(c);
    return need::nothing;
}

/// Calls OpenSSL. Its errors are in a queue of the kernel thread: emptied before, read after, and
/// nothing suspends in between.
template <class Function>
engine::outcome engine::run(call& c, Function function) {
    running_ = &c;
    ERR_clear_error();
    const int returned = function(ssl_.get());
    const int what = SSL_get_error(ssl_.get(), returned);
    const unsigned long error = take_error();
    running_ = nullptr;
    if (returned > 0) {
        return outcome::good;
    }
    switch (what) {
        case SSL_ERROR_WANT_READ:
            return outcome::wants_input;
        case SSL_ERROR_ZERO_RETURN:
            return outcome::ended;
        default:
            fail(error);
            return outcome::failed;
    }
}

/// The connection is over; the first reason counts.
void engine::fail(unsigned long error) noexcept {
    if (failure_.code) {
        return;
    }
    try {
        failure_ = reason_of(error);
    } catch (const std::bad_alloc&) {
        failure_.code = generic(ENOMEM);
    }
    explained_.store(true, base::release);
    select_bell_.ring_news();
}

failure engine::reason_of(unsigned long error) const {
    if (data_.verification.code && !established_) {
        return data_.verification;
    }
    if (receive_error_ != 0) {
        return {generic(receive_error_), {}};
    }
    if (refused_output_) {
        return {generic(ENOBUFS), "the peer makes us answer and does not take the answers"};
    }
    if (error != 0) {
        return connection_failure(error, !established_);
    }
    const bool over = stream_over_ || (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    return over ? truncation(!established_) : connection_failure(error, !established_);
}

std::error_code engine::start() {
    settings_ = context_->current();
    failure why;
    ssl_ptr fresh = settings_->connect(data_, why);
    bio_ptr bio = fresh != nullptr ? make_bio(*this) : nullptr;
    if (bio == nullptr) {
        failure_.text = std::move(why.text);
        explained_.store(true, base::release);
        return why.code ? why.code : generic(ENOMEM);
    }
    BIO* const both = bio.release();
    SSL_set_bio(fresh.get(), both, both);
    ssl_ = std::move(fresh);
    return {};
}

need engine::handshake(call& c) {
    if (established_) {
        return finish(c);
    }
    if (failure_.code) {
        return finish(c, failure_.code);
    }
    if (const need n = get_input(c); !c.has_input) {
        return n;
    }
    if (ssl_ == nullptr) {
        if (const std::error_code error = start()) {
            return finish(c, error);
        }
    }
    const outcome what = run(c, &SSL_do_handshake);
    if (what == outcome::failed || what == outcome::ended) {
        fail(0);  // if it only ended
        settings_->give_up_sessions(data_);
        return finish(c, failure_.code);
    }
    // What could not be sent is no reason to stop: the peer may have said why before it closed.
    if (const need n = flush(c); n != need::nothing) {
        return n;
    }
    if (what == outcome::wants_input) {
        return need::readable;
    }
    if (send_error_ != 0) {
        return finish(c, generic(send_error_));
    }
    establish();
    return finish(c);
}

/// What the handshake agreed upon, so that it can be asked for without the lock.
void engine::establish() {
    SSL* const ssl = ssl_.get();
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    alpn_.assign(reinterpret_cast<const char*>(chosen), size);
    if (settings_->of_server()) {
        const char* const asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        data_.name = asked != nullptr ? asked : "";
    }
    version_ = SSL_get_version(ssl);
    cipher_ = SSL_get_cipher_name(ssl);
    resumed_ = SSL_session_reused(ssl) == 1;
    peer_.reset(SSL_get1_peer_certificate(ssl));
    if (X509* const own = SSL_get_certificate(ssl); own != nullptr && X509_up_ref(own) == 1) {
        own_.reset(own);
    }
    established_ = true;
}

need engine::read(call& c) {
    if (peer_ended_ || c.size == 0) {
        return finish(c);
    }
    if (const need n = get_input(c); !c.has_input) {
        return n;
    }
    const std::size_t most = std::min(c.size, longest_read);
    outcome what = outcome::good;
    do {
        std::size_t n = 0;
        what =
            run(c, [&](SSL* ssl) { return SSL_read_ex(ssl, c.data + c.done, most - c.done, &n); });
        c.done += n;
    } while (what == outcome::good && c.done < most && SSL_has_pending(ssl_.get()) == 1);
    if (!out_.empty() && !writing_) {
        flush(c);  // answers that OpenSSL gave; if they must wait, then for the next call
    }
    peer_ended_ = peer_ended_ || what == outcome::ended;
    if (c.done > 0 || peer_ended_) {
        return finish(c);  // a failure is reported by the next call
    }
    return what == outcome::failed ? finish(c, failure_.code) : need::readable;
}

std::optional<bool> engine::may_read() {
    WEFT_ASSERT(!reading_, "two fibers read the same tls_socket, or shake hands on it");
    if (descriptor_ == nullptr || !established_ || failure_.code || peer_ended_) {
        return true;
    }
    if (input_taken_) {
        return std::nullopt;
    }
    call c{.what = action::read, .polled = false};
    if (get_input(c); !c.has_input) {
        return true;  // closed
    }
    std::byte first{};
    std::size_t n = 0;
    const outcome what = run(c, [&](SSL* ssl) { return SSL_peek_ex(ssl, &first, 1, &n); });
    if (!out_.empty() && !writing_) {
        flush(c);  // as in read()
    }
    give_input(c);
    peer_ended_ = peer_ended_ || what == outcome::ended;
    return what != outcome::wants_input;
}

need engine::write(call& c) {
    if (we_ended_) {
        return finish(c, generic(EPIPE));
    }
    if (const need n = flush(c); n != need::nothing) {
        return n;
    }
    if (send_error_ != 0) {
        return finish(c, generic(send_error_));
    }
    if (c.size == 0) {
        return finish(c);
    }
    std::size_t n = 0;
    const outcome what = run(
        c, [&](SSL* ssl) { return SSL_write_ex(ssl, c.data, std::min(c.size, record_size), &n); });
    if (what == outcome::failed) {
        return finish(c, failure_.code);
    }
    if (what != outcome::good) {
        return wait_for_input(c);
    }
    give_input(c);
    c.data += n;
    c.size -= n;
    if (c.size == 0 && out_.empty() && send_error_ == 0) {
        return finish(c);
    }
    return need::again;
}

/// OpenSSL is in the middle of a message of the peer's.
need engine::wait_for_input(call& c) noexcept {
    if (c.has_input) {
        return need::readable;
    }
    const need n = get_input(c);
    return c.has_input ? need::again : n;
}

need engine::shutdown(call& c) {
    if (!we_ended_) {
        const bool busy = SSL_in_init(ssl_.get()) == 1;
        const outcome what = run(c, [&](SSL* ssl) {
            return busy ? SSL_do_handshake(ssl) : std::min(SSL_shutdown(ssl) + 1, 1);
        });
        if (what == outcome::failed) {
            return finish(c, failure_.code);
        }
        if (what != outcome::good) {
            return wait_for_input(c);
        }
        give_input(c);
        if (busy) {
            return need::again;
        }
        we_ended_ = true;
    }
    if (const need n = flush(c); n != need::nothing) {
        return n;
    }
    return finish(c, send_error_ != 0 ? generic(send_error_) : std::error_code());
}

/// Sends what is left. Writable: the socket takes no more now. Nothing: it is gone, or an error.
need engine::flush(const call& c) noexcept {
    while (out_sent_ < out_.size() && send_error_ == 0) {
        const ssize_t n = transmit(c, std::as_bytes(std::span(out_)).subspan(out_sent_));
        if (n == -EAGAIN) {
            return need::writable;
        }
        if (n < 0) {
            send_error_ = static_cast<int>(-n);
            break;
        }
        out_sent_ += static_cast<std::size_t>(n);
    }
    out_ = std::string();  // with its memory: most connections are idle
    out_sent_ = 0;
    return need::nothing;
}

ssize_t engine::receive(std::span<std::byte> bytes) noexcept {
    if (!running_->has_input) {
        return -EAGAIN;
    }
    if (stream_over_) {
        return 0;
    }
    if (receive_error_ != 0) {
        return -receive_error_;
    }
    bool drained = false;
    const ssize_t n = running_->polled ? io::try_read(*descriptor_, bytes)
                                       : io::receive(*descriptor_, bytes, MSG_DONTWAIT, drained);
    stream_over_ = n == 0;
    if (n < 0 && n != -EAGAIN) {
        receive_error_ = static_cast<int>(-n);
    }
    return n;
}

ssize_t engine::transmit(const call& c, std::span<const std::byte> bytes) noexcept {
    return c.polled ? io::try_write(*descriptor_, bytes)
                    : io::transmit(*descriptor_, bytes, MSG_DONTWAIT);
}

/// All of `bytes`, if only later. An error shows when it is flushed. False: there is no room.
bool engine::send(std::span<const std::byte> bytes) noexcept {
    if (out_.empty() && send_error_ == 0) {
        const ssize_t n = transmit(*running_, bytes);
        if (n > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        } else if (n != -EAGAIN) {
            send_error_ = static_cast<int>(-n);
        }
    }
    if (send_error_ != 0 || bytes.empty()) {
        return true;
    }
    if (out_.size() + bytes.size() > most_unsent) {
        refused_output_ = true;
        return false;
    }
    try {
        out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    } catch (const std::bad_alloc&) {
        refused_output_ = true;
        return false;
    }
    return true;
}

}  // namespace weft::tls
