// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/limits.h"
#include "lab/numbers.h"
#include "lab/proc_metrics.h"
#include "lab/units.h"
#include "live/thread_facts.h"

namespace weft::measure {

namespace {

/// Enough for ten thousand clients in one process.
constexpr std::uint64_t enough_descriptors = 10'100;
constexpr std::uint64_t enough_tasks = 10'100;
/// Guard pages without MADV_GUARD_INSTALL split a mapping in two for each stack.
constexpr std::uint64_t enough_maps = 250'000;

std::string first_word(const char* path) {
    const std::string text = lab::read_file(path);
    return text.substr(0, text.find_first_of(" \n"));
}

/// Of "always [madvise] never".
std::string chosen_word(const char* path) {
    const std::string text = lab::read_file(path);
    const std::size_t open = text.find('[');
    const std::size_t close = text.find(']', open);
    return close == std::string::npos ? std::string() : text.substr(open + 1, close - open - 1);
}

bool can_use_io_uring() {
    io_uring_params params{};
    const long ring = ::syscall(SYS_io_uring_setup, 4, &params);
    if (ring < 0) {
        return false;
    }
    ::close(static_cast<int>(ring));
    return true;
}

bool can_use_userfaultfd() {
    const long fd = ::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    ::close(static_cast<int>(fd));
    return true;
}

bool can_guard_pages() {
    constexpr int guard_install = 102;  // MADV_GUARD_INSTALL
    constexpr std::size_t size = 4096;
    void* const page =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return false;
    }
    const bool can = ::madvise(page, size, guard_install) == 0;
    ::munmap(page, size);
    return can;
}

class examination {
public:
    explicit examination(const system_view& seen) : seen_(seen) {}

    std::vector<diagnosis> all() && {
        counts();
        kernel_features();
        measuring();
        return std::move(found_);
    }

private:
    /// `means` and `lift` count only where it is limited.
    void add(std::string what, std::string value, bool fine, std::string means, std::string lift) {
        found_.push_back({.what = std::move(what),
                          .value = std::move(value),
                          .health = fine ? health::fine : health::limited,
                          .means = fine ? std::string() : std::move(means),
                          .lift = fine ? std::string() : std::move(lift)});
    }

    void counts() {
        add("descriptors",
            fmt::format("{}, at most {}", lab::text_of_count(seen_.descriptors_soft),
                        lab::text_of_count(seen_.descriptors_hard)),
            seen_.descriptors_hard >= enough_descriptors,
            "ten thousand clients do not fit into one process",
            "ulimit -Hn 1048576   (as root; or LimitNOFILE= of its systemd unit)");
        add("processes and threads",
            seen_.tasks ? lab::text_of_count(*seen_.tasks) + " more" : std::string("no limit seen"),
            !seen_.tasks || *seen_.tasks >= enough_tasks,
            "ten thousand processes or threads do not fit: " + seen_.tasks_reason,
            "sysctl -w kernel.pid_max=4194304 kernel.threads-max=1000000; ulimit -u unlimited");
        add("memory areas of a process", lab::text_of_count(seen_.maps),
            seen_.guard_pages || seen_.maps >= enough_maps,
            fmt::format("about {} fibers with guard pages", lab::text_of_count(seen_.maps / 2)),
            "sysctl -w vm.max_map_count=2097152");
    }

    void kernel_features() {
        add("guard pages", seen_.guard_pages ? "by MADV_GUARD_INSTALL" : "by mprotect",
            seen_.guard_pages, "each stack takes two memory areas", "a kernel from Linux 6.13 on");
        add("slices of kernel threads",
            seen_.short_slices ? "can be asked for" : "as the kernel has it", seen_.short_slices,
            "a worker that is woken waits for a CPU for milliseconds where others compute",
            "a kernel from Linux 6.12 on");
        add("huge pages", seen_.huge_pages.empty() ? "not there" : seen_.huge_pages,
            !seen_.huge_pages.empty() && seen_.huge_pages != "never",
            "forks copy a page table entry for every 4 KiB",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
        add("io_uring", seen_.io_uring ? "works" : "refused", seen_.io_uring,
            "weft needs it for nothing so far", "sysctl -w kernel.io_uring_disabled=0");
        add("userfaultfd", seen_.userfaultfd ? "works" : "refused", seen_.userfaultfd,
            "weft needs it for nothing so far", "sysctl -w vm.unprivileged_userfaultfd=1");
    }

    void measuring() {
        const bool good_clock = seen_.clock_source == "tsc" || seen_.clock_source == "kvm-clock" ||
                                seen_.clock_source == "arch_sys_counter" ||
                                seen_.clock_source == "hyperv_clocksource_tsc_page";
        add("clock", seen_.clock_source.empty() ? "unknown" : seen_.clock_source, good_clock,
            "each look at the clock is a system call",
            "echo tsc > /sys/devices/system/clocksource/"
            "clocksource0/current_clocksource");
        add("perf",
            seen_.perf_paranoid ? fmt::format("perf_event_paranoid {}", *seen_.perf_paranoid)
                                : std::string("not there"),
            seen_.is_root || (seen_.perf_paranoid && *seen_.perf_paranoid <= 1),
            "no counters of the kernel's for other users",
            "sysctl -w kernel.perf_event_paranoid=1");
        add("trace points", seen_.tracefs ? "can be read" : "cannot be read", seen_.tracefs,
            "weft sched --live cannot say why turns ended",
            "mount -t tracefs tracefs /sys/kernel/tracing"
            "   (as root)");
        add("autogroups", seen_.autogroup ? "on" : "off", !seen_.autogroup,
            "nice values count within a session only",
            "sysctl -w kernel.sched_autogroup_enabled=0");
    }

    const system_view& seen_;
    std::vector<diagnosis> found_;
};

}  // namespace

system_view read_system() {
    system_view seen;
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        seen.descriptors_soft = descriptors.rlim_cur;
        seen.descriptors_hard = descriptors.rlim_max;
    }
    const lab::machine_limits limits = lab::read_limits();
    if (limits.tasks.most != UINT64_MAX) {
        seen.tasks = limits.tasks.most;
        seen.tasks_reason = limits.tasks.reason;
    }
    seen.maps = limits.maps;
    seen.io_uring = can_use_io_uring();
    seen.userfaultfd = can_use_userfaultfd();
    seen.guard_pages = can_guard_pages();
    seen.short_slices = live::set_slice_of_thread(3'000'000);
    seen.huge_pages = chosen_word("/sys/kernel/mm/transparent_hugepage/enabled");
    seen.perf_paranoid = lab::number_of<int>(first_word("/proc/sys/kernel/perf_event_paranoid"));
    seen.tracefs = ::access("/sys/kernel/tracing/events/sched/sched_switch/id", R_OK) == 0;
    seen.clock_source =
        first_word("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    seen.autogroup = first_word("/proc/sys/kernel/sched_autogroup_enabled") == "1";
    seen.is_root = ::geteuid() == 0;
    return seen;
}

std::vector<diagnosis> examine(const system_view& seen) {
    return examination(seen).all();
}

}  // namespace weft::measure
