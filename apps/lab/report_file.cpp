// SPDX-License-Identifier: Apache-2.0
#include "report_file.h"

#include "system_calls.h"

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::lab {

namespace {

/// Closing reports what writing behind the program's back found, so its result counts.
result<void> write_and_close(int descriptor, std::string_view text) {
    const auto done = write_all(descriptor, text);
    if (::close(descriptor) != 0 && done) {
        return last_error();
    }
    return done;
}

bool is_plain_or_new(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
}

/// What umask leaves of the usual permissions; mkstemp gives the owner's only.
mode_t usual_permissions() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return 0666 & ~mask;
}

}  // namespace

result<void> write_report(const std::string& path, std::string_view text) {
    if (!is_plain_or_new(path)) {
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        return descriptor < 0 ? last_error() : write_and_close(descriptor, text);
    }
    std::string fresh = path + ".XXXXXX";
    const int descriptor = ::mkostemp(fresh.data(), O_CLOEXEC);
    if (descriptor < 0) {
        return last_error();
    }
    static_cast<void>(::fchmod(descriptor, usual_permissions()));
    auto done = write_and_close(descriptor, text);
    if (done && ::rename(fresh.c_str(), path.c_str()) != 0) {
        done = last_error();
    }
    if (!done) {
        ::unlink(fresh.c_str());
    }
    return done;
}

}  // namespace weft::lab
