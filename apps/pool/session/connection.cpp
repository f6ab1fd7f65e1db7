// SPDX-License-Identifier: Apache-2.0
#include "session/connection.h"

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/select.h>
#include <weft/task.h>

#include "backend/limit.h"
#include "session/client_log.h"
#include "session/login.h"
#include "session/pool_entry.h"
#include "session/session.h"

namespace weft::pool {

namespace {

void note_end(pooler& with, const client& who, std::string_view why) {
    if (!with.config()->config.general.log_disconnections) {
        return;
    }
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(clock::now() - who.connected).count();
    log_of_client(with.logger, log_level::info, who, "disconnect",
                  "closing because: " + std::string(why) + " (age=" + std::to_string(age) + "s)",
                  {{"reason", std::string(why)}, {"age_s", std::int64_t{age}}});
}

void end_idle_client(pooler& with, client& who) {
    std::string out;
    put_error(out, fatal_report("08P01", "client_idle_timeout"));
    (void)who.io.write(out, longest_notice);
    note_end(with, who, "client_idle_timeout");
}

/// What fails here fails for want of memory. That must not be logged in a way that needs some.
template <class Act>
void for_one_client(pooler& with, Act act) noexcept {
    try {
        act();
    } catch (const std::exception& failed) {
        try {
            const bool memory = dynamic_cast<const std::bad_alloc*>(&failed) != nullptr;
            with.logger.write(log_level::error, std::string("a client is closed: ") +
                                                    (memory ? "out of memory" : failed.what()));
        } catch (const std::exception&) {
        }
    }
}

void serve_client(pooler& with, std::unique_ptr<client> who);

void go_on(pooler& with, std::unique_ptr<client> who, idle_end after) {
    switch (after) {
        case idle_end::called:
            if (has_been_called(with.clients, *who) && with.leaving.take(*who)) {
                break;
            }
            [[fallthrough]];
        case idle_end::awake:
            serve_client(with, std::move(who));
            break;
        case idle_end::gone:
            note_end(with, *who, "client unexpected eof");
            break;
        case idle_end::too_late:
            end_idle_client(with, *who);
            break;
        case idle_end::out_of_memory:
            note_end(with, *who, "out of memory");
            break;
    }
}

/// Takes the first bytes of a client that was idle.
idle_end wake(client& who, std::string_view first) noexcept {
    try {
        add(who.pool->counts.from_clients, first.size());
        who.in.push_front(first);
        return idle_end::awake;
    } catch (const std::bad_alloc&) {
        return idle_end::out_of_memory;
    }
}

/// A fiber goes on with `who`, who may have ended when this returns.
void start_fiber(pooler& with, std::unique_ptr<client> who, idle_end after) noexcept {
    client& it = *who.release();
    it.wakes.set(with, it, after);
    with.starter.start(it.wakes);
}

/// For how long a client may idle; 0: for ever.
microseconds longest_idle(const pooler& with, const client& who) {
    const configuration_ptr config = with.config();
    return patience_for(config->config, who.pool->database_name, who.user()).idle;
}

/// Waits for the next byte of an idle client, which it owns once it has begun. Nothing here may
/// wait otherwise, so not for a lock either: a coroutine that would have to aborts the process.
task<> watch(pooler& with, client* idle, deadline until) {
    std::unique_ptr<client> who(idle);
    std::array<char, 16> first{};
    who->now = client::presence::idle;
    const auto got =
        co_await co::read(who->io.plain(), std::as_writable_bytes(std::span(first)), until);
    idle_end after = idle_end::awake;
    if (!got || *got == 0) {
        after = !got && got.error() == std::errc::timed_out ? idle_end::too_late : idle_end::gone;
    } else {
        after = wake(*who, {first.data(), *got});
    }
    if (who->now.exchange(client::presence::active) == client::presence::called &&
        after != idle_end::out_of_memory) {
        after = idle_end::called;
    }
    // On a fiber, since all take locks, for which a coroutine must not wait in this way.
    start_fiber(with, std::move(who), after);
}

/// The same for one who listens: it wakes up for what comes for it, too. It cannot be called.
task<> watch_listening(pooler& with, client* idle, deadline until) {
    std::unique_ptr<client> who(idle);
    const auto which =
        co_await co::select(on_readable(who->io.plain()), on_receive(who->hears->bell, [](auto) {}),
                            on_deadline(until));
    const idle_end after = which && *which == 2 ? idle_end::too_late : idle_end::awake;
    start_fiber(with, std::move(who), after);
}

/// Whether a coroutine waits for `who` from now on, who has nothing under way.
bool idle_without_fiber(pooler& with, std::unique_ptr<client>& who) {
    if (who->io.encrypted() || !who->in.unread().empty()) {
        return false;
    }
    who->in.release();
    const deadline until = within(longest_idle(with, *who));
    auto waits = spawn(who->hears != nullptr ? watch_listening(with, who.get(), until)
                                             : watch(with, who.get(), until));
    (void)who.release();  // it may have ended by now
    waits.detach();
    return true;
}

void serve_client(pooler& with, std::unique_ptr<client> who) {
    clock::time_point last;
    for (std::chrono::seconds idle = stays_active;; idle += stays_active) {
        if (const session_end done = run_session(with, *who); done.ended) {
            note_end(with, *who, done.reason);
            return;
        }
        if (with.leaving.take(*who)) {
            return;
        }
        if (idle_without_fiber(with, who)) {
            return;
        }
        if (const clock::time_point active = who->active; active != last) {
            last = active;
            idle = stays_active;
        }
        const microseconds longest = longest_idle(with, *who);
        if (longest.count() != 0 && idle >= longest) {
            end_idle_client(with, *who);
            return;
        }
    }
}

}  // namespace

void wake_up::run() {
    pooler& with = *with_;
    for_one_client(with, [&] { go_on(with, std::unique_ptr<client>(who_), after_); });
}

void wake_up::drop() noexcept {
    const std::unique_ptr<client> ends(who_);
}

void resume_client(pooler& with, std::unique_ptr<client> who) {
    for_one_client(with, [&] { serve_client(with, std::move(who)); });
}

void serve_connection(pooler& with, socket connected) {
    for_one_client(with, [&] {
        std::unique_ptr<client> who = log_client_in(with, std::move(connected));
        // Many connect long before they ask for something. Who keeps a fiber gets another one: the
        // stack of this one was used deeply by the handshake.
        if (who != nullptr && !idle_without_fiber(with, who)) {
            start_fiber(with, std::move(who), idle_end::awake);
        }
    });
}

}  // namespace weft::pool
