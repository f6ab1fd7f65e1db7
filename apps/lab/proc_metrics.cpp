// SPDX-License-Identifier: Apache-2.0
#include "proc_metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

namespace weft::lab {

namespace {

/// Of so many processes the page tables are walked.
constexpr std::size_t sampled_processes = 128;

std::uint64_t parse_number(std::string_view text) {
    const std::size_t start = text.find_first_of("0123456789");
    std::uint64_t value = 0;
    if (start != std::string_view::npos) {
        std::from_chars(text.data() + start, text.data() + text.size(), value);
    }
    return value;
}

/// The rest of the line that starts with `name`; nothing when there is none.
std::optional<std::string_view> line_of(std::string_view text, std::string_view name) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (line.starts_with(name)) {
            return line.substr(name.size());
        }
        at = end + 1;
    }
    return std::nullopt;
}

std::vector<std::uint64_t> numbers_of(std::string_view text) {
    std::vector<std::uint64_t> numbers;
    for (std::size_t at = text.find_first_of("0123456789"); at < text.size();
         at = text.find_first_of("0123456789", at)) {
        std::uint64_t value = 0;
        const auto [end, error] =
            std::from_chars(text.data() + at, text.data() + text.size(), value);
        if (error == std::errc()) {
            numbers.push_back(value);
        }
        at = static_cast<std::size_t>(end - text.data());
    }
    return numbers;
}

std::string path_of(pid_t pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

void add(std::optional<std::uint64_t>& sum, std::optional<std::uint64_t> more) {
    if (more) {
        sum = sum.value_or(0) + *more;
    }
}

/// Calls `visit` with the status of each thread of a process.
template <class Visit>
void for_each_thread(pid_t pid, Visit visit) {
    const std::string folder = path_of(pid, "task/");
    DIR* const tasks = ::opendir(folder.c_str());
    if (tasks == nullptr) {
        return;
    }
    while (const dirent* const entry = ::readdir(tasks)) {
        if (entry->d_name[0] != '.') {
            visit(parse_status(read_file((folder + entry->d_name + "/status").c_str())));
        }
    }
    ::closedir(tasks);
}

void add_process(pid_t pid, snapshot& sum) {
    const std::string text = read_file(path_of(pid, "status").c_str());
    if (text.empty()) {
        return;
    }
    const status_fields status = parse_status(text);
    add(sum.memory.virtual_bytes, status.virtual_bytes);
    add(sum.memory.resident_bytes, status.resident_bytes);
    add(sum.memory.page_table_bytes, status.page_table_bytes);
    ++sum.totals.processes;
    sum.totals.threads += status.threads;
    const auto add_switches = [&sum](const status_fields& of) {
        sum.totals.voluntary_switches += of.voluntary_switches;
        sum.totals.involuntary_switches += of.involuntary_switches;
    };
    if (status.threads == 1) {
        add_switches(status);
    } else {
        for_each_thread(pid, add_switches);
    }
}

struct shares {
    std::uint64_t proportional = 0;
    std::uint64_t own = 0;
};

std::optional<shares> shares_of(pid_t pid) {
    const std::string text = read_file(path_of(pid, "smaps_rollup").c_str());
    const auto proportional = parse_kib_line(text, "Pss:");
    if (!proportional) {
        return std::nullopt;
    }
    return shares{.proportional = *proportional,
                  .own = parse_kib_line(text, "Private_Clean:").value_or(0) +
                         parse_kib_line(text, "Private_Dirty:").value_or(0) +
                         parse_kib_line(text, "Private_Hugetlb:").value_or(0)};
}

/// All of `roots` and a sample of the others, scaled up.
void add_shares(std::span<const pid_t> roots, std::span<const pid_t> others, memory_use& memory) {
    shares sum;
    bool known = false;
    for (const pid_t pid : roots) {
        if (const auto one = shares_of(pid)) {
            known = true;
            sum.proportional += one->proportional;
            sum.own += one->own;
        }
    }
    shares sampled;
    std::size_t samples = 0;
    const std::size_t wanted = std::min(sampled_processes, others.size());
    for (std::size_t i = 0; i < wanted; ++i) {
        if (const auto one = shares_of(others[i * others.size() / wanted])) {
            sampled.proportional += one->proportional;
            sampled.own += one->own;
            ++samples;
        }
    }
    if (samples != 0) {
        sum.proportional += sampled.proportional * others.size() / samples;
        sum.own += sampled.own * others.size() / samples;
    }
    if (known) {
        memory.proportional_bytes = sum.proportional;
        memory.private_bytes = sum.own;
    }
}

}  // namespace

std::string read_file(const char* path) {
    std::string text;
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return text;
    }
    std::array<char, 8192> bytes;
    for (ssize_t n = 0; (n = ::read(file, bytes.data(), bytes.size())) > 0;) {
        text.append(bytes.data(), static_cast<std::size_t>(n));
    }
    ::close(file);
    return text;
}

std::optional<std::uint64_t> parse_kib_line(std::string_view text, std::string_view name) {
    const auto rest = line_of(text, name);
    return rest ? std::optional(parse_number(*rest) * 1024) : std::nullopt;
}

status_fields parse_status(std::string_view text) {
    status_fields fields;
    fields.virtual_bytes = parse_kib_line(text, "VmSize:");
    fields.resident_bytes = parse_kib_line(text, "VmRSS:");
    fields.page_table_bytes = parse_kib_line(text, "VmPTE:");
    fields.threads =
        std::max<std::uint64_t>(1, parse_number(line_of(text, "Threads:").value_or("1")));
    fields.voluntary_switches =
        parse_number(line_of(text, "voluntary_ctxt_switches:").value_or(""));
    fields.involuntary_switches =
        parse_number(line_of(text, "nonvoluntary_ctxt_switches:").value_or(""));
    return fields;
}

machine_ticks parse_machine_ticks(std::string_view proc_stat) {
    const auto line = line_of(proc_stat, "cpu ");
    auto numbers = line ? numbers_of(*line) : std::vector<std::uint64_t>();
    // user nice system idle iowait irq softirq steal; guest times are part of user.
    numbers.resize(8, 0);
    return {.user = numbers[0] + numbers[1],
            .system = numbers[2],
            .interrupts = numbers[5] + numbers[6],
            .idle = numbers[3] + numbers[4],
            .steal = numbers[7]};
}

std::uint64_t parse_socket_pages(std::string_view sockstat) {
    std::uint64_t pages = 0;
    for (const std::string_view name : {"TCP:", "UDP:"}) {
        const auto line = line_of(sockstat, name);
        const std::size_t at = line ? line->find(" mem ") : std::string_view::npos;
        if (at != std::string_view::npos) {
            pages += parse_number(line->substr(at + 5));
        }
    }
    return pages;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_cpu_ticks(std::string_view stat) {
    // The name, in parentheses, may hold blanks and parentheses itself.
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string_view::npos || name_end + 4 > stat.size()) {
        return std::nullopt;
    }
    // After the name: a letter, then numbers, of which some may be negative; utime is the 12th
    // field after the name, stime the 13th.
    std::string_view rest = stat.substr(name_end + 2);
    for (int skipped = 0; skipped < 11; ++skipped) {
        const std::size_t blank = rest.find(' ');
        if (blank == std::string_view::npos) {
            return std::nullopt;
        }
        rest.remove_prefix(blank + 1);
    }
    const auto numbers = numbers_of(rest);
    if (numbers.size() < 2) {
        return std::nullopt;
    }
    return std::pair(numbers[0], numbers[1]);
}

machine_ticks read_machine_ticks() {
    return parse_machine_ticks(read_file("/proc/stat"));
}

memory_use read_machine_memory() {
    const std::string text = read_file("/proc/meminfo");
    memory_use memory;
    memory.kernel_stack_bytes = parse_kib_line(text, "KernelStack:");
    memory.slab_bytes = parse_kib_line(text, "Slab:");
    const std::uint64_t pages = parse_socket_pages(read_file("/proc/net/sockstat")) +
                                parse_socket_pages(read_file("/proc/net/sockstat6"));
    memory.socket_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return memory;
}

std::uint64_t read_available_memory() {
    return parse_kib_line(read_file("/proc/meminfo"), "MemAvailable:").value_or(0);
}

std::vector<pid_t> process_tree(std::span<const pid_t> roots) {
    std::vector<pid_t> tree(roots.begin(), roots.end());
    for (std::size_t i = 0; i < tree.size(); ++i) {
        // Children hang from the thread that forked them; the servers fork from their first one.
        const std::string path = fmt::format("/proc/{0}/task/{0}/children", tree[i]);
        const std::string text = read_file(path.c_str());
        for (const std::uint64_t child : numbers_of(text)) {
            tree.push_back(static_cast<pid_t>(child));
        }
    }
    return tree;
}

std::uint64_t cpu_time_ns(std::span<const pid_t> processes) {
    std::uint64_t sum = 0;
    for (const pid_t pid : processes) {
        clockid_t its_clock{};
        timespec time{};
        if (::clock_getcpuclockid(pid, &its_clock) == 0 && ::clock_gettime(its_clock, &time) == 0) {
            sum += static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
                   static_cast<std::uint64_t>(time.tv_nsec);
        }
    }
    return sum;
}

snapshot take_snapshot(std::span<const pid_t> roots) {
    snapshot taken;
    taken.memory = read_machine_memory();
    const std::vector<pid_t> tree = process_tree(roots);
    taken.totals.cpu_ns = cpu_time_ns(tree);
    for (const pid_t pid : roots) {
        if (const auto ticks = parse_cpu_ticks(read_file(path_of(pid, "stat").c_str()))) {
            taken.totals.user_ticks += ticks->first;
            taken.totals.system_ticks += ticks->second;
        }
    }
    for (const pid_t pid : tree) {
        add_process(pid, taken);
    }
    add_shares(roots, std::span(tree).subspan(roots.size()), taken.memory);
    return taken;
}

}  // namespace weft::lab
