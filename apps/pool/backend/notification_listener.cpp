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

/// A connection that nobody needs stays for so long.
constexpr auto stays_connected = 10s;

/// For what is written, and for the rest of a message that has begun.
constexpr auto longest_pause = 10s;

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
                                             const parameter_names& followed)
    : starter_(starter),
      followed_(followed),
      lost_(std::make_shared<const report>(
          fatal_report("08006", "the connection that listens for notifications was lost"))) {}

notification_listener::~notification_listener() {
    end(*lost_);
    while (!fibers_.wait(100ms)) {
        starter_.try_again();
    }
}

std::expected<std::string, report> notification_listener::subscribe(
    const std::shared_ptr<subscriber>& who, std::string_view channel, connector connect,
    deadline until) {
    std::unique_lock lock(mutex_);
    commands_.push_back({.number = ++last_number_, .channel = std::string(channel)});
    topics_[std::string(channel)].push_back({.who = who, .asked = last_number_});
    connect_ = std::move(connect);
    try {
        start();
    } catch (const std::bad_alloc&) {
        remove(*who, channel);
        throw;
    }
    bool heard = false;
    const auto is_decided = [&] {
        const entry* const own = find(*who, channel);
        heard = own != nullptr && own->heard;
        return own == nullptr || heard;
    };
    (void)bell_.try_send(0);
    const bool in_time = changed_.wait(lock, until, is_decided).has_value();
    if (heard) {
        return encoding_;
    }
    if (!in_time) {
        remove(*who, channel);
    }
    return std::unexpected(fatal_report("08006", "nothing can be listened to now"));
}

void notification_listener::unsubscribe(const subscriber& who, std::string_view channel) {
    const std::lock_guard lock(mutex_);
    remove(who, channel);
}

void notification_listener::leave(const subscriber& who) {
    const std::vector<std::string> all = who.channels();
    const std::lock_guard lock(mutex_);
    for (const std::string& each : all) {
        remove(who, each);
    }
}

void notification_listener::end(const report& why) {
    {
        const std::lock_guard lock(mutex_);
        if (!running_) {
            return;
        }
        ended_ = std::make_shared<const report>(why);
    }
    (void)bell_.try_send(0);
}

listener_status notification_listener::status() const {
    const std::lock_guard lock(mutex_);
    listener_status now = status_;
    std::set<const subscriber*> clients;
    for (const auto& [name, of] : topics_) {
        for (const entry& each : of) {
            clients.insert(each.who.get());
        }
    }
    now.channels = static_cast<std::uint32_t>(topics_.size());
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

void notification_listener::remove(const subscriber& who, std::string_view channel) {
    const auto found = topics_.find(channel);
    if (found == topics_.end()) {
        return;
    }
    std::erase_if(found->second, [&](const entry& each) { return each.who.get() == &who; });
    if (!found->second.empty()) {
        return;
    }
    commands_.push_back({.number = 0, .channel = found->first});
    topics_.erase(found);
    (void)bell_.try_send(0);
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
    ended_ = nullptr;
}

void notification_listener::serve() {
    try {
        connect_and_converse();
    } catch (const std::bad_alloc&) {
        finish();
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
    while (is_needed()) {
        if (!send_commands(with)) {
            return false;
        }
        auto ring = on_receive(bell_, [](auto) {});
        const auto found =
            wait_for_either(with.io, with.io, {.read_first = true}, within(stays_connected), &ring);
        if (!found) {
            if (found.error() == std::errc::timed_out) {
                continue;
            }
            return false;
        }
        if (shall_end() || (found->read_first && !receive(with))) {
            return false;
        }
    }
    return true;
}

bool notification_listener::shall_end() const {
    const std::lock_guard lock(mutex_);
    return ended_ != nullptr;
}

/// Whether the fiber goes on; if not, another one is started when it is.
bool notification_listener::is_needed() {
    const std::lock_guard lock(mutex_);
    const bool idle = topics_.empty() && commands_.empty() && sent_.empty() && ended_ == nullptr;
    // The first look comes right behind the connection, the next ones after a wait.
    if (idle && idle_since_ && clock::now() - *idle_since_ >= stays_connected) {
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

bool notification_listener::send_commands(server& with) {
    std::string out;
    {
        const std::lock_guard lock(mutex_);
        for (command& each : std::exchange(commands_, {})) {
            put_query(out,
                      (each.number != 0 ? "LISTEN " : "UNLISTEN ") + quoted_name(each.channel));
            sent_.push_back(std::move(each));
        }
    }
    return out.empty() || with.io.write(out, longest_pause).has_value();
}

/// Whether it is still there.
bool notification_listener::receive(server& with) {
    const auto got = with.in.fill(with.io, longest_pause);
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
    } else if (of.size() > 1) {
        of.erase(own);  // who waits for it sees that
    } else {
        topics_.erase(found);
    }
    changed_.notify_all();
}

/// For want of a connection.
void notification_listener::finish() noexcept {
    const std::lock_guard lock(mutex_);
    const report_ptr why = ended_ != nullptr ? ended_ : lost_;
    for (const auto& [name, of] : std::exchange(topics_, {})) {
        for (const entry& each : of) {
            if (each.heard) {
                each.who->end(why);
            }
        }
    }
    commands_.clear();
    sent_.clear();
    failed_ = running_ = status_.connected = false;
    idle_since_.reset();
    changed_.notify_all();
}

}  // namespace weft::pool
