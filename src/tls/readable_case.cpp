// SPDX-License-Identifier: Apache-2.0
//
// A TLS connection as a case of a select: read() would not wait. That the socket is readable does
// not say so, since what comes may be a part of a record or no data at all (tickets, new keys); and
// it need not be, since a record may have been decrypted and read in part. So the engine is asked,
// which takes from the socket what is there.
//
// It waits for the socket beside the calls on the connection, not as one of them: a writer may need
// the input meanwhile.
#include <weft/tls.h>

#include <optional>

#include "tls/engine.h"

namespace weft::tls {

readable_case::readable_case(const tls_socket& of) noexcept
    : event_case(of.transport().native_handle(), short{POLLIN}), engine_(of.engine_.get()) {}

void readable_case::begin() noexcept {
    event_case::begin();
    io::poll_descriptor* const d = engine_ != nullptr ? engine_->any_descriptor() : nullptr;
    watches_ = d != nullptr && d->begin_watch() == 0;
}

void readable_case::end(bool taken) noexcept {
    event_case::end(taken);
    if (watches_) {
        watches_ = false;
        engine_->descriptor().end_watch();
    }
}

bool readable_case::is_ready(bool /*adds*/) noexcept {
    if (!watches_ || refused() || engine_->descriptor().closed()) {
        return true;  // a call fails at once
    }
    select_bell& bell = engine_->of_select();
    bell.begin_look();
    std::optional<bool> ready;
    if (engine_->lock().try_lock()) {
        ready = engine_->may_read();
        engine_->lock().unlock();
    }
    may_wait_for_socket_ = ready.has_value();
    if (may_wait_for_socket_) {
        bell.look_was_good();
    }
    return ready.value_or(false);
}

bool readable_case::add(sched::waiter& who) noexcept {
    if (!watches_ || !engine_->of_select().stand(who)) {
        return false;
    }
    return !may_wait_for_socket_ || event_case::add(who);
}

void readable_case::remove() noexcept {
    if (watches_) {
        engine_->of_select().leave();
    }
    event_case::remove();
}

}  // namespace weft::tls
