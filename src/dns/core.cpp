// SPDX-License-Identifier: Apache-2.0
#include "dns/core.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/clock.h"
#include "base/error.h"

namespace weft::dns {

namespace {

/// What the end of a query without an answer means.
std::error_code error_of(int status, int last_response) {
    switch (status) {
        case ARES_ETIMEOUT:
            // Timeouts may have followed upon what other servers said.
            return last_response != 0 ? error_of_response(last_response)
                                      : make_error_code(errc::no_answer);
        case ARES_ECONNREFUSED:
        case ARES_ESERVFAIL:  // no server at all
            return last_response != 0 ? error_of_response(last_response)
                                      : make_error_code(errc::unreachable);
        case ARES_ENOMEM:
            return std::make_error_code(std::errc::not_enough_memory);
        default:
            return errc::bad_answer;
    }
}

std::size_t dots_in(std::string_view name) {
    return static_cast<std::size_t>(std::count(name.begin(), name.end(), '.'));
}

}  // namespace

core::core(const resolver_options& options)
    : options_(options), cache_(options.cache_size), hosts_(options.hosts_file) {}

core::~core() = default;

result<std::unique_ptr<core>> core::make(const resolver_options& options) {
    std::unique_ptr<core> made(new core(options));
    auto channel = ares::make(options, *made);
    if (!channel) {
        return std::unexpected(channel.error());
    }
    made->search_ = options.search.value_or((*channel)->search());
    made->ndots_ = options.ndots.value_or((*channel)->ndots());
    made->ares_ = *std::move(channel);
    made->process_ = ::getpid();
    return made;
}

result<void> core::enter() {
    const pid_t process = ::getpid();
    if (process == process_) {
        return {};
    }
    // In the child of a fork(): the sockets are the parent's, and so are those that wait.
    parked_.clear();
    driver_ = nullptr;
    for (const auto& [key, q] : by_key_) {
        q->waiting.clear();
    }
    ares_->forget_epoll();
    ares_.reset();
    auto channel = ares::make(options_, *this);
    if (!channel) {
        return std::unexpected(channel.error());
    }
    ares_ = *std::move(channel);
    process_ = process;
    return {};
}

clock::time_point core::now() const {
    return options_.now != nullptr ? options_.now()
                                   : clock::time_point(std::chrono::nanoseconds(base::now_ns()));
}

std::vector<std::string> core::candidates(const std::string& name) const {
    if (name.ends_with('.')) {
        return {name.substr(0, name.size() - 1)};
    }
    std::vector<std::string> out;
    for (const std::string& domain : search_) {
        const std::string_view suffix =
            std::string_view(domain).substr(domain.starts_with('.') ? 1 : 0);
        out.push_back(lower(suffix.empty() ? name : name + "." + std::string(suffix)));
        if (out.back().ends_with('.')) {
            out.back().pop_back();
        }
    }
    out.insert(dots_in(name) >= ndots_ ? out.begin() : out.end(), name);
    return out;
}

std::shared_ptr<question> core::ask(const std::string& name, record_type type, caller& by) {
    auto fresh = std::make_shared<question>(name, type);
    if (auto cached = cache_.find(fresh->key, now())) {
        fresh->over = true;
        fresh->found = std::move(cached);
        return fresh;
    }
    if (const auto at = by_key_.find(fresh->key); at != by_key_.end()) {
        at->second->waiting.push_back(&by);
        return at->second;
    }
    if (by_key_.size() >= most_questions) {
        finish(*fresh, std::make_shared<answer>(errc::too_many_queries));
        return fresh;
    }
    fresh->waiting.push_back(&by);
    by_key_.emplace(fresh->key, fresh);
    send(fresh);
    return fresh;
}

/// It is answered later, or now.
void core::send(const std::shared_ptr<question>& q) {
    bool sent = false;
    try {
        do {
            q->id = random_number();
        } while (!by_id_.try_emplace(q->id, q.get()).second);
        sent = ares_->send(q->id, q->name, q->type);
        if (!sent) {
            by_id_.erase(q->id);
            finish(*q, std::make_shared<answer>(errc::bad_name));
        }
    } catch (...) {
        by_id_.erase(q->id);
        finish(*q, nullptr);
    }
}

void core::answered(std::uint16_t id, int status, std::span<const unsigned char> message) noexcept {
    const auto at = by_id_.find(id);
    if (at == by_id_.end()) {
        return;
    }
    const std::shared_ptr<question> q = by_key_.find(at->second->key)->second;
    by_id_.erase(at);
    if (status == ARES_ETIMEOUT && q->stale && !q->waiting.empty()) {
        q->stale = false;
        return send(q);
    }
    try {
        auto found = std::make_shared<answer>();
        if (status == ARES_SUCCESS) {
            *found = read_answer(message, q->type);
        } else {
            found->error = error_of(status, q->last_response);
        }
        q->found = std::move(found);
        keep(*q);
        finish(*q, q->found);
    } catch (const std::bad_alloc&) {
        finish(*q, q->found);
    }
}

void core::response(std::uint16_t id, int code) noexcept {
    // "No such name" is an answer, which c-ares checks first.
    const auto at = by_id_.find(id);
    if (at != by_id_.end() && code != 3) {
        at->second->last_response = code;
    }
}

void core::keep(const question& q) {
    const bool negative = static_cast<bool>(q.found->error);
    const std::chrono::seconds ttl =
        std::min(std::chrono::seconds(q.found->ttl),
                 negative ? options_.longest_negative_ttl : options_.longest_ttl);
    if (ttl.count() > 0) {
        cache_.keep(q.key, q.found, now() + ttl);
    }
}

void core::finish(question& q, std::shared_ptr<const answer> found) noexcept {
    q.found = std::move(found);
    q.over = true;
    for (caller* const who : q.waiting) {
        ring(*who);
    }
    q.waiting.clear();
    by_key_.erase(q.key);
}

void core::leave(question& q, caller& by) noexcept {
    if (std::erase(q.waiting, &by) != 0 && q.waiting.empty()) {
        q.stale = true;
    }
}

void core::process(const caller& by) {
    // In the child of a fork(), before enter(), what has come is the parent's.
    const bool mine = !by_id_.empty() && process_ == ::getpid();
    if (mine && (driver_ == nullptr || driver_ == &by)) {
        ares_->process();
    }
}

need core::start_wait(caller& by) {
    if (driver_ == nullptr || driver_ == &by) {
        driver_ = &by;
        return {need::kind::sockets, ares_->descriptor(), ares_->next_timer()};
    }
    parked_.push_back(&by);
    by.parked_ = true;
    by.bell.add();
    return {.what = need::kind::bell};
}

void core::ring(caller& who) noexcept {
    if (who.parked_) {
        std::erase(parked_, &who);
        who.parked_ = false;
        who.bell.done();
    }
}

void core::stop_wait(caller& by) noexcept {
    ring(by);
}

void core::pass_on() noexcept {
    if (driver_ == nullptr && !parked_.empty()) {
        ring(*parked_.front());
    }
}

void core::leave(caller& by) noexcept {
    ring(by);
    if (driver_ == &by) {
        driver_ = nullptr;
    }
    pass_on();
}

}  // namespace weft::dns
