// SPDX-License-Identifier: Apache-2.0
#include "limits.h"

#include "proc_metrics.h"
#include "units.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace weft::lab {

namespace {

/// Descriptors and tasks that are not clients: standard files, epoll, libraries, the shell.
constexpr std::uint64_t spare_descriptors = 64;
/// Others start processes too, and the kernel keeps the 300 lowest numbers for itself.
constexpr std::uint64_t spare_tasks = 800;
constexpr std::uint64_t spare_maps = 1024;
/// A thread's stack is two memory areas: the guard and the rest.
constexpr std::uint64_t maps_per_thread = 2;
/// A server or load process more than that is not worth a client.
constexpr std::uint64_t most_processes = 64;
/// The kernel writes "no limit" as the largest number of some type, rounded down to a page.
constexpr std::uint64_t unlimited = std::uint64_t{1} << 60;

// The soft limits are the hard ones by now (raise_soft_limits), which ulimit cannot lift. Of the
// shell, whose children inherit it.
constexpr const char* lift_descriptors = "sudo prlimit --pid $$ --nofile=1000000:1000000";
constexpr const char* lift_processes = "sudo prlimit --pid $$ --nproc=unlimited:unlimited";

std::uint64_t number_in(const char* path, std::uint64_t otherwise) {
    const std::string text = read_file(path);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end != text.data() ? value : otherwise;
}

std::uint64_t limit_of(__rlimit_resource which) {
    rlimit value{};
    if (::getrlimit(which, &value) != 0) {
        return UINT64_MAX;
    }
    return value.rlim_cur == RLIM_INFINITY ? UINT64_MAX : value.rlim_cur;
}

void raise_to_hard(__rlimit_resource which) noexcept {
    rlimit value{};
    if (::getrlimit(which, &value) == 0 && value.rlim_cur < value.rlim_max) {
        value.rlim_cur = value.rlim_max;
        ::setrlimit(which, &value);
    }
}

std::uint64_t minus(std::uint64_t a, std::uint64_t b) noexcept {
    return a > b ? a - b : 0;
}

void tighten(bound& tightest, bound other) {
    if (other.most < tightest.most) {
        tightest = std::move(other);
    }
}

/// Tasks that run now, of "0.00 0.01 0.05 1/123 4567".
std::uint64_t tasks_now() {
    const std::string text = read_file("/proc/loadavg");
    const std::size_t slash = text.find('/');
    std::uint64_t value = 0;
    if (slash != std::string::npos) {
        std::from_chars(text.data() + slash + 1, text.data() + text.size(), value);
    }
    return value;
}

/// The folders of this process's control groups, from its own up to the root, for a controller.
/// `controller` is empty for the unified hierarchy.
std::vector<std::string> group_folders(std::string_view controller) {
    const std::string groups = read_file("/proc/self/cgroup");
    std::vector<std::string> folders;
    for (std::size_t at = 0; at < groups.size();) {
        const std::size_t end = std::min(groups.find('\n', at), groups.size());
        const std::string_view line = std::string_view(groups).substr(at, end - at);
        at = end + 1;
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (second == std::string_view::npos ||
            line.substr(first + 1, second - first - 1) != controller) {
            continue;
        }
        std::string path(line.substr(second + 1));
        const std::string root = controller.empty() ? std::string("/sys/fs/cgroup")
                                                    : "/sys/fs/cgroup/" + std::string(controller);
        for (; !path.empty() && path != "/"; path.resize(path.rfind('/'))) {
            folders.push_back(root + path);
        }
        folders.push_back(root);
    }
    return folders;
}

bound tightest_group(std::string_view controller, const group_files& files) {
    bound tightest;
    for (const std::string& folder : group_folders(controller)) {
        tighten(tightest, group_bound(folder, files));
    }
    return tightest;
}

bound tasks_bound() {
    const std::uint64_t now = tasks_now() + spare_tasks;
    bound tightest;
    const auto system = [&](const char* file, const char* name, const char* sysctl, int lifted) {
        const std::uint64_t most = number_in(file, UINT64_MAX);
        tighten(tightest, {.most = minus(most, now),
                           .reason = fmt::format("{} is {}", name, text_of_count(most)),
                           .lift = fmt::format("sysctl -w {}={}", sysctl, lifted)});
    };
    system("/proc/sys/kernel/pid_max", "the highest process number", "kernel.pid_max", 4194304);
    system("/proc/sys/kernel/threads-max", "the machine's limit of threads", "kernel.threads-max",
           4000000);
    if (::geteuid() != 0) {
        const std::uint64_t most = limit_of(RLIMIT_NPROC);
        tighten(tightest, {.most = minus(most, now),
                           .reason = fmt::format("a user may have {} processes and threads",
                                                 text_of_count(most)),
                           .lift = lift_processes});
    }
    tighten(tightest, tightest_group("pids", pids_files));
    tighten(tightest, tightest_group("", pids_files));
    return tightest;
}

bound memory_bound() {
    // A fifth stays for the rest of the machine.
    const std::uint64_t available = read_available_memory() / 5 * 4;
    bound tightest;
    if (available != 0) {
        tightest = {.most = available,
                    .reason = fmt::format("{} of memory are free",
                                          text_of_bytes(static_cast<double>(available))),
                    .lift = ""};
    }
    tighten(tightest, tightest_group("memory", memory_files_v1));
    tighten(tightest, tightest_group("", memory_files_v2));
    return tightest;
}

bound files_bound() {
    const std::uint64_t most = number_in("/proc/sys/fs/file-max", UINT64_MAX);
    const std::uint64_t used = number_in("/proc/sys/fs/file-nr", 0);
    return {.most = minus(most, used),
            .reason = fmt::format("the machine's limit of open files is {}", text_of_count(most)),
            .lift = "sysctl -w fs.file-max=4000000"};
}

std::uint64_t port_range() {
    const std::string text = read_file("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint64_t low = 32768;
    std::uint64_t high = 60999;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), low);
    const std::size_t at =
        text.find_first_of("0123456789", static_cast<std::size_t>(end - text.data()));
    if (error == std::errc() && at != std::string::npos) {
        std::from_chars(text.data() + at, text.data() + text.size(), high);
    }
    return minus(high, low) + 1;
}

unsigned usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    return ::sched_getaffinity(0, sizeof set, &set) == 0
               ? std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)))
               : 1U;
}

std::string shown(std::uint64_t value) {
    return value >= unlimited ? "unlimited" : text_of_count(value);
}

/// Bytes that a client takes, with both ends of its connection: what is measured (150, 44 and 12
/// KiB, see README.md) and a third or more beyond it, so that what is planned fits.
std::uint64_t bytes_per_client(model_id model) noexcept {
    constexpr std::uint64_t kib = 1024;
    switch (model) {
        case model_id::process:
            return 200 * kib;
        case model_id::thread:
            return 64 * kib;
        case model_id::fiber:
        case model_id::coroutine:
            return 20 * kib;
    }
    std::unreachable();
}

/// Clients that one server process can have.
bound server_bound(model_id model, const machine_limits& limits) {
    if (model == model_id::process) {
        return {};  // each has a process, and thus descriptors, of its own
    }
    bound tightest{.most = minus(limits.descriptors, spare_descriptors),
                   .reason = fmt::format("a process may have {} descriptors",
                                         text_of_count(limits.descriptors)),
                   .lift = lift_descriptors};
    if (model == model_id::thread) {
        tighten(tightest, {.most = minus(limits.maps, spare_maps) / maps_per_thread,
                           .reason = fmt::format("a process may have {} memory areas",
                                                 text_of_count(limits.maps)),
                           .lift = "sysctl -w vm.max_map_count=1000000"});
    }
    return tightest;
}

/// Clients that fit on the whole machine, and what stops more.
bound machine_bound(model_id model, std::uint64_t message_size, const machine_limits& limits) {
    bound tightest;
    if (model == model_id::process || model == model_id::thread) {
        tighten(tightest, limits.tasks);
    }
    const auto shared = [&tightest](bound part, std::uint64_t per_client) {
        part.most /= per_client;
        tighten(tightest, std::move(part));
    };
    shared(limits.files, 2);  // both ends
    shared(limits.memory, bytes_per_client(model) + 4 * message_size);
    const auto split = [&tightest](bound part) {
        if (part.most < UINT64_MAX / most_processes) {
            part.most *= most_processes;
            tighten(tightest, std::move(part));
        }
    };
    split(server_bound(model, limits));
    split({.most = minus(limits.descriptors, spare_descriptors),
           .reason =
               fmt::format("a process may have {} descriptors", text_of_count(limits.descriptors)),
           .lift = lift_descriptors});
    // Fewer ports than the generator puts on one address: only the first address is safe.
    constexpr std::uint64_t ports_wanted = 20'000;
    if (limits.ports < ports_wanted) {
        tighten(tightest,
                {.most = limits.ports,
                 .reason = fmt::format("there are {} local ports", text_of_count(limits.ports)),
                 .lift = "sysctl -w net.ipv4.ip_local_port_range='32768 60999'"});
    }
    return tightest;
}

unsigned parts_of(std::uint64_t clients, std::uint64_t most) noexcept {
    return most == 0
               ? 1U
               : static_cast<unsigned>(std::max<std::uint64_t>(1, (clients + most - 1) / most));
}

}  // namespace

void raise_soft_limits() noexcept {
    raise_to_hard(RLIMIT_NOFILE);
    raise_to_hard(RLIMIT_NPROC);
}

bound group_bound(const std::string& folder, const group_files& files) {
    const std::string file = fmt::format("{}/{}", folder, files.most);
    const std::uint64_t most = number_in(file.c_str(), UINT64_MAX);
    if (most >= unlimited) {
        return {};
    }
    const std::uint64_t now = number_in(fmt::format("{}/{}", folder, files.now).c_str(), 0);
    return {.most = minus(most, now),
            .reason = fmt::format("the control group's {} is {}", files.what, text_of_count(most)),
            .lift = fmt::format("echo {} > {}", files.without, file)};
}

machine_limits read_limits() {
    machine_limits limits;
    limits.descriptors = limit_of(RLIMIT_NOFILE);
    limits.files = files_bound();
    limits.tasks = tasks_bound();
    limits.maps = number_in("/proc/sys/vm/max_map_count", 65530);
    limits.memory = memory_bound();
    limits.ports = port_range();
    limits.backlog = number_in("/proc/sys/net/core/somaxconn", 4096);
    limits.cpus = usable_cpus();
    limits.listed = {
        {"descriptors of a process", shown(limits.descriptors)},
        {"open files of the machine", shown(number_in("/proc/sys/fs/file-max", UINT64_MAX))},
        {"free processes and threads", shown(limits.tasks.most)},
        {"memory areas of a process", shown(limits.maps)},
        {"usable memory", text_of_bytes(static_cast<double>(limits.memory.most))},
        {"local ports", shown(limits.ports)},
        {"listen backlog", shown(limits.backlog)},
    };
    return limits;
}

model_plan plan_model(model_id model, std::uint64_t clients, std::uint64_t message_size,
                      const machine_limits& limits) {
    model_plan plan{.model = model, .clients = clients};
    const bound fits = machine_bound(model, message_size, limits);
    if (fits.most < clients) {
        const std::string reason = fmt::format("{}, which is enough for {} clients", fits.reason,
                                               text_of_count(fits.most));
        if (fits.most < std::max<std::uint64_t>(clients / 10, 1)) {
            plan.clients = 0;
            plan.outcome = {.state = outcome_state::left_out, .reason = reason, .lift = fits.lift};
            return plan;
        }
        plan.clients = fits.most;
        plan.change = adjustment{
            .what = fmt::format("{} clients instead of {} for {}", text_of_count(fits.most),
                                text_of_count(clients), name_of(model)),
            .reason = reason,
            .lift = fits.lift};
    }
    plan.servers = parts_of(plan.clients, server_bound(model, limits).most);
    plan.workers = std::max(1U, limits.cpus / plan.servers);
    plan.loads = parts_of(plan.clients, minus(limits.descriptors, spare_descriptors));
    return plan;
}

std::uint64_t connects_in_flight(const machine_limits& limits) noexcept {
    return std::clamp<std::uint64_t>(limits.backlog / 4, 16, 512);
}

}  // namespace weft::lab
