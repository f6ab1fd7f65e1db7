// SPDX-License-Identifier: Apache-2.0
#include "machine_info.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>

#include <sys/utsname.h>
#include <unistd.h>

namespace weft::lab {

namespace {

/// What follows "name   : " in /proc/cpuinfo; empty when it is not there.
std::string cpuinfo_field(std::string_view text, std::string_view name) {
    const std::size_t at = text.find(name);
    const std::size_t colon = at == std::string_view::npos ? at : text.find(": ", at);
    if (colon == std::string_view::npos) {
        return {};
    }
    const std::size_t end = std::min(text.find('\n', colon), text.size());
    return std::string(text.substr(colon + 2, end - colon - 2));
}

std::string first_line(const char* path) {
    std::string text = read_file(path);
    text.resize(std::min(text.find('\n'), text.size()));
    return text;
}

std::string hypervisor_of(std::string_view cpuinfo) {
    if (cpuinfo_field(cpuinfo, "flags").find("hypervisor") == std::string::npos) {
        return {};
    }
    const std::string vendor = first_line("/sys/class/dmi/id/sys_vendor");
    return vendor.empty() ? "unknown" : vendor;
}

}  // namespace

machine read_machine() {
    machine here;
    utsname names{};
    if (::uname(&names) == 0) {
        here.kernel = names.release;
    }
    const std::string cpuinfo = read_file("/proc/cpuinfo");
    here.cpu_model = cpuinfo_field(cpuinfo, "model name");
    if (here.cpu_model.empty()) {
        here.cpu_model = names.machine;
    }
    here.cores = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    here.memory_bytes = parse_kib_line(read_file("/proc/meminfo"), "MemTotal:").value_or(0);
    here.hypervisor = hypervisor_of(cpuinfo);
#if defined(__clang__)
    here.compiler = "clang " __clang_version__;
#else
    here.compiler = "gcc " __VERSION__;
#endif
    return here;
}

std::string time_stamp() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &local);
    std::string stamp(text.data());
    if (stamp.size() > 2) {
        stamp.insert(stamp.size() - 2, ":");
    }
    return stamp;
}

noise noise_between(const machine_ticks& before, const machine_ticks& after, double own_seconds) {
    noise heard;
    const auto total = static_cast<double>(after.total() - before.total());
    if (total <= 0) {
        return heard;
    }
    const auto busy = static_cast<double>(after.user + after.system - before.user - before.system);
    const double own = own_seconds * static_cast<double>(::sysconf(_SC_CLK_TCK));
    heard.steal_percent = 100 * static_cast<double>(after.steal - before.steal) / total;
    heard.foreign_percent = 100 * std::max(0.0, busy - own) / total;
    return heard;
}

}  // namespace weft::lab
