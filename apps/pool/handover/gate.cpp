// SPDX-License-Identifier: Apache-2.0
#include "handover/gate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <utility>
#include <variant>

namespace weft::pool::handover {

namespace {

using namespace std::chrono_literals;

/// For a process to say what it wants.
constexpr auto longest_greeting = 5s;

}  // namespace

gate::gate(log& log_to, std::function<void(std::shared_ptr<link>)> asked)
    : log_(log_to), asked_(std::move(asked)) {}

gate::~gate() {
    close();
}

void gate::open(const std::string& address) {
    if (address.empty()) {
        return;
    }
    const auto where = endpoint::parse(address);
    auto made = where ? listener::bind(*where) : std::unexpected(where.error());
    if (!made) {
        log_.write(log_level::warning, "no online restart: cannot listen on " + address + ": " +
                                           made.error().message());
        return;
    }
    listener_ = std::move(*made);
    file_ = address.substr(address.find(':') + 1);
    if (file_.front() == '@') {
        file_.clear();  // an abstract name: who comes is looked at, too
    } else {
        (void)::chmod(file_.c_str(), S_IRUSR | S_IWUSR);
    }
    acceptor_ = fiber([this](const std::stop_token& stop) { accept(stop); });
}

void gate::close() {
    if (!listener_.is_open()) {
        return;
    }
    acceptor_ = fiber();
    if (!file_.empty()) {
        ::unlink(file_.c_str());
    }
    listener_ = listener();
}

void gate::accept(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        auto connected = listener_.accept();
        if (connected) {
            answer(std::move(*connected));
        } else if (!this_fiber::sleep_for(100ms)) {
            return;
        }
    }
}

void gate::answer(socket connected) {
    auto with = std::make_shared<link>(std::move(connected));
    if (const auto peer = with->check_peer(); !peer) {
        log_.write(log_level::warning, "handover refused: " + peer.error());
        return;
    }
    const auto first = with->receive(longest_greeting);
    const auto* const greeting = first ? std::get_if<hello>(&first->what) : nullptr;
    if (greeting == nullptr) {
        log_.write(log_level::warning,
                   "handover refused: " + (first ? "no greeting" : first.error()));
        return;
    }
    if (greeting->version != version) {
        (void)with->send(
            refusal{.why = "it speaks version " + std::to_string(greeting->version) +
                           " of the handover, the running process " + std::to_string(version)},
            longest_greeting);
        return;
    }
    asked_(std::move(with));
}

}  // namespace weft::pool::handover
