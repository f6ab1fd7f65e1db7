// SPDX-License-Identifier: Apache-2.0
#include "process_setup.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include <weft/errno.h>

namespace weft::pool {

namespace {

using failure = std::unexpected<std::string>;

failure failed(const std::string& what) {
    return failure(what + ": " + std::generic_category().message(errno));
}

std::optional<gid_t> group_of(const std::string& name) {
    if (const group* const found = ::getgrnam(name.c_str())) {
        return found->gr_gid;
    }
    gid_t number = 0;
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data(), end, number);
    return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

/// 0: none.
pid_t process_in(const std::string& path) {
    std::ifstream file(path);
    pid_t there = 0;
    return file >> there ? there : 0;
}

/// Whether the process that a pidfile names lives and is not this one.
bool is_in_use(const std::string& path) {
    const pid_t there = process_in(path);
    return there > 0 && there != ::getpid() && (::kill(there, 0) == 0 || errno == EPERM);
}

}  // namespace

std::expected<void, std::string> become_user(const std::string& name) {
    if (name.empty()) {
        return {};
    }
    const passwd* const found = ::getpwnam(name.c_str());
    if (found == nullptr) {
        return failure("user \"" + name + "\" does not exist");
    }
    if (found->pw_uid == ::geteuid()) {
        return {};
    }
    if (::initgroups(found->pw_name, found->pw_gid) != 0 || ::setgid(found->pw_gid) != 0 ||
        ::setuid(found->pw_uid) != 0) {
        return failed("cannot become user \"" + name + "\"");
    }
    return {};
}

std::expected<void, std::string> give_to_group(const std::string& file, const std::string& group) {
    const auto number = group_of(group);
    if (!number) {
        return failure("group \"" + group + "\" does not exist");
    }
    if (::chown(file.c_str(), static_cast<uid_t>(-1), *number) != 0) {
        return failed("cannot give " + file + " to group \"" + group + "\"");
    }
    return {};
}

std::expected<void, std::string> pid_file::write(const std::string& path, bool takes_over) {
    if (path.empty()) {
        return {};
    }
    if (!takes_over && is_in_use(path)) {
        return failure("pidfile " + path + " exists, another instance running?");
    }
    std::ofstream file(path, std::ios::trunc);
    file << ::getpid() << '\n' << std::flush;
    if (!file) {
        return failed("cannot write pidfile " + path);
    }
    path_ = path;
    return {};
}

pid_file::~pid_file() {
    if (!path_.empty() && process_in(path_) == ::getpid()) {
        ::unlink(path_.c_str());
    }
}

}  // namespace weft::pool
