// SPDX-License-Identifier: Apache-2.0
#include "backend/notification_listener.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include <weft/select.h>

#include "backend/limit.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// Channel and payload are shorter than a page; an error is not much longer.
constexpr std::uint32_t longest_message = 1U << 20;

constexpr std::string_view name_of_encoding = "client_encoding";

std::string quoted_name(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        out.append(c == '"' ? 2 : 1, c);
    }
    return out + '"';
}

}  // namespace

notification_listener::notification_listener(fiber_starter& starter,
                                             const parameter_names& followed,
                                             std::function<void(std::size_t)> lost,
                                             const listener_patience& patience)
    : starter_(starter),
      followed_(followed),
      on_loss_(std::move(lost)),
      patience_(patience),
      lost_(std::make_shared<const report>(
          fatal_report("08006", "the connection that listens for notifications was lost"))) {}

notification_listener::~notification_listener() {
    end(*lost_);
    while (!fibers_.wait(100ms)) {
        starter_.try_again();
    }
}

hearing notification_listener::subscribe(const std::shared_ptr<subscriber>& who,
                                         std::string_view channel, connector connect,
                                         deadline until) {
    std::unique_lock lock(mutex_);
    const std::uint64_t number = ++last_number_;
    connect_ = std::move(connect);
    try {
        topics_[std::string(channel)].push_back({.who = who, .asked = number});
        commands_.push_back({.number = number, .channel = std::string(channel), .sent = {}});
        start();
    } catch (const std::bad_alloc&) {
        remove(*who, channel);
        throw;
    }
    (void)bell_.try_send(0);
    bool heard = false;
    bool refused = false;
    (void)changed_.wait(lock, until, [&] {
        const entry* const own = find(*who, channel);
        heard = own != nullptr && own->heard;
        refused = own == nullptr && last_refused_ == number;
        return own == nullptr || heard || ended_ != nullptr;
    });
    if (!heard) {
        remove(*who, channel);
    }
    if (!heard && ended_ != nullptr) {
        who->end(ended_);
        return hearing::ended;
    }
    return heard ? hearing::heard : refused ? hearing::refused : hearing::not_now;
}

void notification_listener::unsubscribe(const subscriber& who, std::string_view channel) noexcept {
    const std::lock_guard lock(mutex_);
    remove(who, channel);
}

void notification_listener::leave(const subscriber& who) noexcept {
    const std::lock_guard lock(mutex_);
    who.visit_channels([&](std::string_view each) { remove(who, each); });
}

std::string notification_listener::encoding() const {
    const std::lock_guard lock(mutex_);
    return encoding_;
}

void notification_listener::end(const report& why) {
    {
        const std::lock_guard lock(mutex_);
        if (!running_) {
            return;
        }
        ended_ = std::make_shared<const report>(why);
    }
    changed_.notify_all();
    (void)bell_.try_send(0);
}

bool notification_listener::is_running() const {
    const std::lock_guard lock(mutex_);
    return fibers_there_ != 0;
}

listener_status notification_listener::status() const {
    const std::lock_guard lock(mutex_);
    listener_status now = status_;
    std::set<const subscriber*> clients;
    for (const auto& [name, of] : topics_) {
        now.channels += of.empty() ? 0 : 1;
        for (const entry& each : of) {
            clients.insert(each.who.get());
        }
    }
    now.clients = static_cast<std::uint32_t>(clients.size());
    return now;
}

/// Null: it does not listen to that.
notification_listener::entry* notification_listener::find(const subscriber& who,
                                                          std::string_view channel) {
    const auto found = topics_.find(channel);
    if (found == topics_.end()) {
        return nullptr;
    }
    const auto own = std::ranges::find_if(
        found->second, [&](const entry& each) { return each.who.get() == &who; });
    return own != found->second.end() ? &*own : nullptr;
}

/// Needs no memory: also those end here who have found none.
void notification_listener::remove(const subscriber& who, std::string_view channel) noexcept {
    const auto found = topics_.find(channel);
    if (found == topics_.end()) {
        return;
    }
    std::erase_if(found->second, [&](const entry& each) { return each.who.get() == &who; });
    if (found->second.empty()) {
        has_empty_topics_ = true;
        (void)bell_.try_send(0);
    }
}

/// A fiber, if there is none. Under the mutex.
void notification_listener::start() {
    if (running_) {
        return;
    }
    fibers_.add();
    try {
        starter_.start({}, [this] { serve(); });
    } catch (const std::bad_alloc&) {
        fibers_.done();
        throw;
    }
    running_ = true;
    ++fibers_there_;
    ended_ = nullptr;
}

void notification_listener::serve() {
    try {
        connect_and_converse();
    } catch (const std::bad_alloc&) {
        finish();
    }
    {
        const std::lock_guard lock(mutex_);
        --fibers_there_;
    }
    fibers_.done();
}

void notification_listener::connect_and_converse() {
    connector connect;
    {
        const std::lock_guard lock(mutex_);
        connect = connect_;
    }
    const auto made = connect();
    if (!made) {
        finish();
        return;
    }
    server& with = **made;
    {
        const std::lock_guard lock(mutex_);
        const auto index = followed_.index_of(name_of_encoding);
        encoding_ = index ? values_of(with.parameters, followed_)[*index] : std::string_view();
        status_.connected = true;
        status_.connected_at = clock::now();
        status_.process = with.cancel.process;
    }
    if (!converse(with)) {
        finish();
    }
    std::string goodbye;
    put_terminate(goodbye);
    (void)with.io.write(goodbye, 100ms);
}

/// Until nobody needs it: true; or until it fails, or shall end.
bool notification_listener::converse(server& with) {
    bool probes = false;
    while (is_needed()) {
        if (!send_commands(with, probes)) {
            return false;
        }
        auto ring = on_receive(bell_, [](auto) {});
        const auto found =
            wait_for_either(with.io, with.io, {.read_first = true}, next_look(), &ring);
        probes = !found && found.error() == std::errc::timed_out;
        if (shall_end() || (!found && !probes) || (found && found->read_first && !receive(with))) {
            return false;
        }
        if (is_silent() && !has_something(with.io)) {
            return false;
        }
    }
    return true;
}

bool notification_listener::shall_end() const {
    const std::lock_guard lock(mutex_);
    return ended_ != nullptr;
}

/// When the server has to show that it is there, or owes an answer for too long.
deadline notification_listener::next_look() const {
    const std::lock_guard lock(mutex_);
    const deadline idle(patience_.idle);
    return sent_.empty() ? idle : std::min(idle, deadline(sent_.front().sent + patience_.answer));
}

/// Whether it owes an answer for too long.
bool notification_listener::is_silent() const {
    const std::lock_guard lock(mutex_);
    return !sent_.empty() && clock::now() - sent_.front().sent >= patience_.answer;
}

/// Whether the fiber goes on: not when nobody has needed it for a while. Another one is started for
/// the next who does.
bool notification_listener::is_needed() {
    const std::lock_guard lock(mutex_);
    const bool idle = topics_.empty() && commands_.empty() && sent_.empty() && ended_ == nullptr;
    if (idle && idle_since_ && clock::now() - *idle_since_ >= patience_.idle) {
        running_ = false;
        status_.connected = false;
        return false;
    }
    if (!idle) {
        idle_since_.reset();
    } else if (!idle_since_) {
        idle_since_ = clock::now();
    }
    return true;
}

/// `probes`: if there is nothing else to ask, the server has to show that it is there.
bool notification_listener::send_commands(server& with, bool probes) {
    const std::string out = take_commands(probes);
    return out.empty() || with.io.write(out, deadline(patience_.answer)).has_value();
}

std::string notification_listener::take_commands(bool probes) {
    std::string out;
    const std::lock_guard lock(mutex_);
    const clock::time_point now = clock::now();
    const auto ask = [&](std::uint64_t number, std::string channel, const std::string& sql) {
        put_query(out, sql);
        sent_.push_back({.number = number, .channel = std::move(channel), .sent = now});
    };
    for (; !commands_.empty(); commands_.pop_front()) {
        command& next = commands_.front();
        const std::string sql = "LISTEN " + quoted_name(next.channel);
        ask(next.number, std::move(next.channel), sql);
    }
    if (std::exchange(has_empty_topics_, false)) {
        std::erase_if(topics_, [&](const auto& each) {
            if (each.second.empty()) {
                ask(0, {}, "UNLISTEN " + quoted_name(each.first));
            }
            return each.second.empty();
        });
    }
    if (probes && sent_.empty() && !topics_.empty()) {
        ask(0, {}, {});
    }
    return out;
}

/// Whether it is still there.
bool notification_listener::receive(server& with) {
    const auto got = with.in.fill(with.io, deadline(patience_.answer));
    if (!got || *got == 0) {
        return false;
    }
    for (;;) {
        const std::string_view there = with.in.unread();
        if (there.size() < head_size) {
            return true;
        }
        const auto head = read_head(there);
        if (!head || head->size > longest_message) {
            return false;
        }
        if (there.size() < head->size) {
            with.in.reserve(head->size);
            return true;
        }
        take_message(head->type, there.substr(head_size, head->size - head_size),
                     there.substr(0, head->size));
        with.in.consume(head->size);
    }
}

void notification_listener::take_message(char type, std::string_view body, std::string_view whole) {
    switch (type) {
        case answer::notification:
            deliver(body, whole);
            break;
        case answer::error:
            failed_ = true;
            break;
        case answer::ready_for_query:
            answered();
            break;
        default:
            break;
    }
}

void notification_listener::deliver(std::string_view body, std::string_view whole) {
    byte_reader reader(body);
    reader.u32();  // who notifies
    const std::string_view channel_and_payload = reader.rest();
    const std::string_view channel = reader.text();
    const std::lock_guard lock(mutex_);
    ++status_.received;
    const auto found = topics_.find(channel);
    if (found == topics_.end()) {
        return;
    }
    const bool ascii = std::ranges::none_of(
        channel_and_payload, [](char c) { return static_cast<unsigned char>(c) > 0x7f; });
    const auto what = std::make_shared<const notification>(notification{
        .channel = std::string(channel), .message = std::string(whole), .ascii = ascii});
    for (const entry& each : found->second) {
        if (each.heard) {
            each.who->put(what);
            ++status_.delivered;
        }
    }
}

void notification_listener::answered() {
    const std::lock_guard lock(mutex_);
    const bool failed = std::exchange(failed_, false);
    if (sent_.empty()) {
        return;
    }
    const command done = std::move(sent_.front());
    sent_.pop_front();
    const auto found = topics_.find(done.channel);
    if (done.number == 0 || found == topics_.end()) {
        return;
    }
    topic& of = found->second;
    const auto own = std::ranges::find(of, done.number, &entry::asked);
    if (own == of.end()) {
        return;
    }
    if (!failed) {
        own->heard = true;
    } else {
        last_refused_ = done.number;
        of.erase(own);  // who waits for it sees that
        has_empty_topics_ = true;
    }
    changed_.notify_all();
}

/// For want of a connection.
void notification_listener::finish() noexcept {
    std::unique_lock lock(mutex_);
    const bool by_itself = ended_ == nullptr;
    const report_ptr why = by_itself ? lost_ : ended_;
    std::size_t ends = 0;
    for (const auto& [name, of] : std::exchange(topics_, {})) {
        for (const entry& each : of) {
            if (each.heard) {
                each.who->end(why);
                ++ends;
            }
        }
    }
    commands_.clear();
    sent_.clear();
    has_empty_topics_ = false;
    failed_ = running_ = status_.connected = false;
    idle_since_.reset();
    changed_.notify_all();
    lock.unlock();
    if (by_itself && ends != 0) {
        try {
            on_loss_(ends);
        } catch (const std::bad_alloc&) {
            return;  // nobody is told
        }
    }
}

}  // namespace weft::pool
