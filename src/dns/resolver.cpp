// SPDX-License-Identifier: Apache-2.0
//
// resolver: the calls of fibers and plain threads, and of coroutines.
#include <weft/dns.h>

#include <mutex>
#include <utility>

#include "base/assert.h"
#include "dns/access.h"
#include "dns/core.h"
#include "dns/lookup.h"
#include "dns/wait.h"
#include "sched/current.h"

namespace weft::dns {

resolver::resolver(std::unique_ptr<core> of) noexcept : core_(std::move(of)) {}
resolver::resolver(resolver&& other) noexcept = default;
resolver& resolver::operator=(resolver&& other) noexcept = default;
resolver::~resolver() = default;

result<resolver> resolver::create(const resolver_options& options) {
    auto made = core::make(options);
    if (!made) {
        return std::unexpected(made.error());
    }
    return resolver(*std::move(made));
}

namespace {

void run_here(lookup_call& call, deadline until) {
    WEFT_ASSERT(!sched::on_coroutine(), "a coroutine must co_await weft::co's calls on a resolver");
    run(call, until);
}

}  // namespace

result<std::vector<endpoint>> resolver::lookup(std::string_view host, std::uint16_t port,
                                               family wanted, deadline until) {
    lookup_call call(*core_, host, port, wanted);
    run_here(call, until);
    return call.get().take_addresses();
}

result<std::vector<service>> resolver::lookup_service(std::string_view name, deadline until) {
    lookup_call call(*core_, name);
    run_here(call, until);
    return call.get().take_services();
}

result<std::vector<std::string>> resolver::lookup_name(const endpoint& address, deadline until) {
    lookup_call call(*core_, address);
    run_here(call, until);
    return call.get().take_names();
}

void resolver::clear_cache() {
    const std::lock_guard guard(core_->lock());
    core_->clear_cache();
}

}  // namespace weft::dns

namespace weft::co {

namespace {

// Copies of the texts: the caller's may be gone when the task begins.

task<result<std::vector<endpoint>>> lookup_copy(dns::core& of, std::string host, std::uint16_t port,
                                                dns::family wanted, deadline until) {
    dns::lookup_call call(of, host, port, wanted);
    co_await dns::run_async(call, until);
    co_return call.get().take_addresses();
}

task<result<std::vector<dns::service>>> lookup_service_copy(dns::core& of, std::string name,
                                                            deadline until) {
    dns::lookup_call call(of, std::string_view(name));
    co_await dns::run_async(call, until);
    co_return call.get().take_services();
}

task<result<std::vector<std::string>>> lookup_name_copy(dns::core& of, endpoint address,
                                                        deadline until) {
    dns::lookup_call call(of, address);
    co_await dns::run_async(call, until);
    co_return call.get().take_names();
}

}  // namespace

task<result<std::vector<endpoint>>> lookup(dns::resolver& names, std::string_view host,
                                           std::uint16_t port, dns::family wanted, deadline until) {
    return lookup_copy(dns::access::core_of(names), std::string(host), port, wanted, until);
}

task<result<std::vector<dns::service>>> lookup_service(dns::resolver& names, std::string_view name,
                                                       deadline until) {
    return lookup_service_copy(dns::access::core_of(names), std::string(name), until);
}

task<result<std::vector<std::string>>> lookup_name(dns::resolver& names, const endpoint& address,
                                                   deadline until) {
    return lookup_name_copy(dns::access::core_of(names), address, until);
}

}  // namespace weft::co
