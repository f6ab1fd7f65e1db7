// SPDX-License-Identifier: Apache-2.0
#include "session/exchange.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <weft/fiber.h>

#include "session/listening.h"
#include "session/pool_entry.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// For so long the server alone is waited for: most queries are answered by then, and waiting for
/// two costs more. It is also how late one sees that the client of a long query has gone.
constexpr auto patience_with_server = 100ms;

/// The same for a client, whose server may have to tell it something meanwhile (NOTIFY).
constexpr auto patience_with_client = 5ms;

/// Longer ones are not kept to be repeated.
constexpr std::size_t longest_batch = 64 * 1024;

/// How often an idle transaction is looked at whose server others may want.
constexpr auto look_again = 100ms;

/// A server that takes nothing for so long is taken for dead where it cannot be asked in parts.
constexpr auto longest_write = 60s;

/// While the client does not take so many bytes, it is not asked for more: the pooler itself
/// answers some requests, so what the server sends is no bound.
constexpr std::size_t most_unsent = 64 * 1024;

/// After so many bytes it is others' turn: one who reads a large result as fast as it comes need
/// never wait, and where the kernel gives this thread a fifth of a CPU, 100 us of work are half a
/// millisecond. Of 16 KiB, 64 KiB and no such limit, point selects beside eight streams had a p99
/// of 7 to 15, 17 and 70 ms with one worker, and 32 to 40, 38 and 94 ms with two; a stream of
/// 200,000 rows took 280 ms instead of 300 to 320, and 300 to 320 instead of 260 to 280
/// (bench/pool, head-of-line).
constexpr std::size_t bytes_in_a_turn = std::size_t{16} * 1024;

deadline earlier(deadline a, deadline b) {
    return std::min(a, b);
}

deadline after(clock::time_point from, std::chrono::microseconds limit) {
    return limit.count() != 0 ? deadline(from + limit) : deadline();
}

bool timed_out(const error& why) {
    return why == std::errc::timed_out;
}

}  // namespace

exchange_end exchange::run(server& with, bool keeps, bool single, const exchange_limits& limits,
                           const std::string& begin, clock::time_point now) {
    server_ = &with;
    keeps_ = keeps;
    single_ = single;
    limits_ = limits;
    about_.meet(with.statements, with.parameters, with.settings);
    about_.server_latest = &with.latest;
    about_.between = false;
    patient_ = true;
    asks_ = true;
    in_transaction_ = false;
    began_ = phase_began_ = now;
    batch_.clear();
    answered_ = from_server_;
    about_.bound.clear();
    about_.bound_by_name = about_.prepares_by_name = about_.may_repeat = has_asked_ = false;
    timed_ = limits != exchange_limits();
    prepare_session(begin);
    for (;;) {
        if (const end ended = move_requests()) {
            return *ended;
        }
        if (const end ended = move_answers()) {
            return *ended;
        }
        if (client_.hears != nullptr && about_.between && to_client_.empty() &&
            !answers_.within_message() && about_.status == transaction::idle) {
            if (const end ended = take_notified()) {
                return *ended;
            }
        }
        if (!keeps_ && about_.over() && to_server_.empty() && to_client_.empty() &&
            request_needed_ == 0) {
            return exchange_end::over;
        }
        if (moved_ >= bytes_in_a_turn) {
            moved_ = 0;
            this_fiber::yield();
        }
        if (more_requests_ && to_server_.empty() && to_client_.pending().size() <= most_unsent) {
            continue;
        }
        if (const end ended = wait()) {
            return *ended;
        }
    }
}

/// Brings the server to what the client has set and begun, in one go with the request.
void exchange::prepare_session(const std::string& begin) {
    if (server_->parameters != client_.parameters || server_->settings != client_.settings) {
        ask_of_own(sql_to_set(about_.parts.followed, server_->parameters, client_.parameters) +
                   sql_to_follow(server_->settings, client_.settings));
        server_->settings = client_.settings;  // if that fails nobody uses it again
    }
    ask_of_own(begin);
}

/// The client does not see the answer. Nothing, if there is no text.
void exchange::ask_of_own(const std::string& sql) {
    if (sql.empty()) {
        return;
    }
    put_query(to_server_.copy(), sql);
    expectation own;
    own.request = request::query;
    own.how = expectation::handling::swallow;
    about_.expected.push(std::move(own));
}

/// What has come from the client goes to the server, as far as it takes it.
exchange::end exchange::move_requests() {
    if (!to_server_.empty() && requests_taken_ != 0) {
        return send_to_server();
    }
    if (client_.in.unread().size() > request_needed_ && !client_.in.unread().empty() &&
        to_client_.pending().size() <= most_unsent) {
        const reading r = requests_.read(client_.in.unread(), to_server_);
        requests_taken_ = r.taken;
        more_requests_ = r.more;
        request_needed_ = r.needed != 0 ? r.needed - 1 : 0;
        about_.make_answers(to_client_);
        if (!r.error.empty()) {
            failure_ = r.error;
            return exchange_end::client_error;
        }
        if (r.terminate && r.taken == 0 && about_.expected.empty() && to_server_.empty()) {
            return exchange_end::terminated;
        }
        keep_batch(r.taken);
        note_phase();
    }
    return to_server_.empty() && requests_taken_ == 0 ? std::nullopt : send_to_server();
}

/// A batch that binds statements by name is kept until it is answered, as it may have to be
/// repeated. Others are not.
void exchange::keep_batch(std::size_t taken) {
    const bool whole = about_.may_repeat || !std::exchange(has_asked_, true);
    about_.may_repeat = whole && about_.bound_by_name && !about_.prepares_by_name &&
                        about_.status == transaction::idle && answered_ == from_server_ &&
                        batch_.size() + taken <= longest_batch;
    if (!about_.may_repeat) {
        about_.bound.clear();
    } else {
        batch_ += client_.in.unread().substr(0, taken);
    }
}

/// The server has failed at a plan that is out of date, and has skipped the batch: it gets it once
/// more, and makes the statements anew.
void exchange::repeat_batch() {
    about_.repeats = about_.may_repeat = false;
    for (const statement_ptr& each : std::exchange(about_.bound, {})) {
        if (server_->statements.use(*each)) {
            put_close_statement(to_server_.copy(), server_name_of(*each));
            server_->statements.remove(*each);
            expectation closed;
            closed.request = request::close;
            closed.how = expectation::handling::swallow;
            closed.statement = each;
            about_.expected.push(std::move(closed));
        }
    }
    for (std::string_view rest = batch_; !rest.empty();) {  // it stops where much is to be sent
        const std::size_t taken = requests_.read(rest, to_server_).taken;
        if (taken == 0) {
            return;
        }
        rest.remove_prefix(taken);
    }
}

exchange::end exchange::send_to_server() {
    while (!to_server_.empty()) {
        const auto sent = server_->io.write_some(to_server_.pending(), longest_write);
        if (!sent) {
            return exchange_end::server_gone;
        }
        if (*sent == 0) {
            return std::nullopt;
        }
        to_server_.sent(*sent);
    }
    client_.in.consume(std::exchange(requests_taken_, 0));
    return std::nullopt;
}

exchange::end exchange::move_answers() {
    if (to_client_.empty() && server_->in.unread().size() > answer_needed_ &&
        !server_->in.unread().empty()) {
        const reading r = answers_.read(server_->in.unread(), to_client_);
        answers_taken_ = r.taken;
        answer_needed_ = r.needed != 0 ? r.needed - 1 : 0;
        if (!r.error.empty()) {
            failure_ = r.error;
            return exchange_end::server_error;
        }
        if (about_.own_failure) {
            failure_ = std::exchange(about_.own_failure, std::nullopt)->message;
            return exchange_end::parameters_failed;
        }
        if (about_.repeats && about_.expected.empty()) {
            server_->in.consume(std::exchange(answers_taken_, 0));
            repeat_batch();
            return send_to_server();
        }
        if (!to_client_.empty()) {
            about_.may_repeat = false;
        }
        if (single_ && about_.expected.empty() && about_.status != transaction::idle) {
            to_client_.clear();
            return exchange_end::transaction_refused;
        }
        note_phase();
    }
    return send_to_client();
}

exchange::end exchange::send_to_client() {
    while (!to_client_.empty()) {
        const auto sent = client_.io.write_some(to_client_.pending(), longest_write);
        if (!sent) {
            return exchange_end::client_gone;
        }
        if (*sent == 0) {
            return std::nullopt;
        }
        to_client_.sent(*sent);
    }
    server_->in.consume(std::exchange(answers_taken_, 0));
    return std::nullopt;
}

/// Whose turn it is begins to count when it changes. Most runs are one request with its answer:
/// these began with the run, and end with it, and read no clock.
void exchange::note_phase() {
    const bool asks = !about_.expected.empty();
    if (asks == asks_ || (!asks && !keeps_ && !timed_ && about_.over())) {
        return;
    }
    const clock::time_point now = clock::now();
    if (!asks_ && !in_transaction_) {
        began_ = now;  // a transaction of one that keeps its server
    }
    add_phase(now);
    asks_ = asks;
    in_transaction_ = about_.status != transaction::idle;
    if (!asks_ && !in_transaction_) {
        count(now);
    }
}

void exchange::add_phase(clock::time_point until) noexcept {
    if (asks_) {
        asked_ += until - phase_began_;
    } else if (in_transaction_) {
        idle_in_transaction_ += until - phase_began_;
    }
    phase_began_ = until;
}

void exchange::count(clock::time_point now) {
    add_phase(now);
    asks_ = in_transaction_ = false;
    traffic& to = client_.pool->counts;
    const auto asked = static_cast<std::uint64_t>(std::exchange(asked_, {}).count());
    const auto idle = static_cast<std::uint64_t>(std::exchange(idle_in_transaction_, {}).count());
    add(to.query_ns, asked);
    add(to.transaction_ns, asked + idle);
    add(to.queries, std::exchange(about_.queries, 0));
    add(to.transactions, std::exchange(about_.transactions, 0));
    add(to.client_parses, std::exchange(about_.client_parses, 0));
    add(to.server_parses, std::exchange(about_.server_parses, 0));
    add(to.binds, std::exchange(about_.binds, 0));
    add(to.from_clients, from_client_ - std::exchange(counted_from_client_, from_client_));
    add(to.from_servers, from_server_ - std::exchange(counted_from_server_, from_server_));
}

deadline exchange::limit() const {
    deadline until;
    if (about_.status != transaction::idle) {
        until = after(began_, limits_.transaction);
    }
    if (asks_) {
        return earlier(until, after(phase_began_, limits_.query));
    }
    return earlier(until,
                   after(phase_began_, about_.status != transaction::idle ? limits_.idle_transaction
                                                                          : limits_.idle_client));
}

/// At what passed_limit() would find, or at whether others want the server.
deadline exchange::next_look() const {
    const bool idles = !asks_ && about_.status != transaction::idle;
    const auto when_wanted = limits_.idle_transaction_when_wanted;
    if (!idles || when_wanted.count() == 0) {
        return limit();
    }
    return earlier(limit(), std::max(deadline(phase_began_ + when_wanted), within(look_again)));
}

/// Nothing: it may go on.
exchange::end exchange::passed_limit() const {
    if (!limit().expired()) {
        const bool has_idled = after(phase_began_, limits_.idle_transaction_when_wanted).expired();
        return has_idled && client_.pool->pool->should_give_way(client_.place)
                   ? end(exchange_end::idle_transaction_preempted)
                   : std::nullopt;
    }
    if (about_.status != transaction::idle && after(began_, limits_.transaction).expired()) {
        return exchange_end::transaction_timeout;
    }
    if (asks_) {
        return exchange_end::query_timeout;
    }
    return about_.status != transaction::idle ? exchange_end::idle_transaction_timeout
                                              : exchange_end::idle_timeout;
}

bool exchange::client_may_talk() const noexcept {
    return about_.unsynced || about_.copy_in || about_.copy_both || requests_.within_message();
}

/// Whether nothing at all is under way: the client keeps its server.
bool exchange::rests() const noexcept {
    return !about_.busy() && about_.status == transaction::idle && to_server_.empty() &&
           to_client_.empty();
}

/// What is notified goes to the client, between its transactions, also if it keeps the server busy.
exchange::end exchange::take_notified() {
    auto told = take_notifications(pooler_, client_);
    if (!told) {
        loss_ = std::move(told.error());
        return exchange_end::notifications_lost;
    }
    if (told->empty()) {
        about_.between = false;
        return std::nullopt;
    }
    to_client_.copy() += *told;
    return send_to_client();
}

exchange::end exchange::wait() {
    if (client_.hears != nullptr && rests()) {
        about_.between = true;
        auto rings = on_receive(client_.hears->bell, [](auto) {});
        return wait_for_both(&rings);
    }
    const bool one_sided = patient_ && to_server_.empty() && to_client_.empty();
    if (one_sided && about_.expected.empty() && !about_.copy_both) {
        return wait_for_one(false);
    }
    if (one_sided && !client_may_talk()) {
        return wait_for_one(true);
    }
    return wait_for_both(nullptr);
}

exchange::end exchange::wait_for_one(bool of_server) {
    const deadline until = next_look();
    const deadline soon =
        of_server ? earlier(until, patience_with_server) : earlier(until, patience_with_client);
    bool came = true;
    const end ended = of_server ? read_server(soon, came) : read_client(soon, came);
    if (ended || came) {
        return ended;
    }
    if (until.expired()) {
        return passed_limit();
    }
    patient_ = false;
    return std::nullopt;
}

exchange::end exchange::wait_for_both(select_case* other) {
    const deadline until = next_look();
    const readiness wanted{.read_first = to_server_.empty() && requests_taken_ == 0 &&
                                         to_client_.pending().size() <= most_unsent &&
                                         (!client_.in.full() || needs_more_of_request()),
                           .write_first = !to_client_.empty(),
                           .read_second = to_client_.empty(),
                           .write_second = !to_server_.empty()};
    const auto found = wait_for_either(client_.io, server_->io, wanted, until, other);
    if (!found) {
        return timed_out(found.error()) ? passed_limit() : end(exchange_end::client_gone);
    }
    if (found->other) {
        return std::nullopt;
    }
    if (found->write_first) {
        return send_to_client();
    }
    if (found->write_second) {
        return send_to_server();
    }
    patient_ = !client_may_talk();
    bool came = true;
    return found->read_first ? read_client(until, came) : read_server(until, came);
}

/// Than lies in the buffer, perhaps than it has room for.
bool exchange::needs_more_of_request() const noexcept {
    return request_needed_ >= client_.in.unread().size() && request_needed_ != 0;
}

// A buffer that has to grow moves: that is done here, where nothing that is to be sent lies in it.

exchange::end exchange::read_client(deadline until, bool& came) {
    if (needs_more_of_request()) {
        client_.in.reserve(request_needed_ + 1);
    }
    const auto got = client_.in.fill(client_.io, until);
    if (!got) {
        came = !timed_out(got.error());
        return came ? end(exchange_end::client_gone) : std::nullopt;
    }
    from_client_ += *got;
    moved_ += *got;
    return *got == 0 ? end(exchange_end::client_gone) : std::nullopt;
}

exchange::end exchange::read_server(deadline until, bool& came) {
    if (answer_needed_ != 0) {
        server_->in.reserve(answer_needed_ + 1);
    }
    const auto got = server_->in.fill(server_->io, until);
    if (!got) {
        came = !timed_out(got.error());
        return came ? end(exchange_end::server_gone) : std::nullopt;
    }
    from_server_ += *got;
    moved_ += *got;
    return *got == 0 ? end(exchange_end::server_gone) : std::nullopt;
}

}  // namespace weft::pool
