// SPDX-License-Identifier: Apache-2.0
//
// Calls that block and that nothing can wait for instead. They go aside only where they would take
// long: that costs 10 us.
#include <netdb.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/aside.h"
#include "posix/caller.h"
#include "posix/next.h"

WEFT_POSIX_PART(blocking_calls)

WEFT_POSIX_NEXT(getaddrinfo)
WEFT_POSIX_NEXT(getnameinfo)
WEFT_POSIX_NEXT(gethostbyname)
WEFT_POSIX_NEXT(gethostbyaddr)
WEFT_POSIX_NEXT(waitpid)
WEFT_POSIX_NEXT(flock)
WEFT_POSIX_NEXT(fsync)
WEFT_POSIX_NEXT(fdatasync)
WEFT_POSIX_NEXT(pthread_join)

namespace weft::posix {

namespace {

bool is_numeric(const addrinfo* hints) noexcept {
    return hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0;
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    if (node == nullptr || posix::is_numeric(hints) || !posix::may_park()) {
        return posix::next::getaddrinfo(node, service, hints, found);
    }
    return posix::aside([=] { return posix::next::getaddrinfo(node, service, hints, found); });
}

int getnameinfo(const sockaddr* address, socklen_t size, char* node, socklen_t node_size,
                char* service, socklen_t service_size, int flags) {
    const auto call = [=] {
        return posix::next::getnameinfo(address, size, node, node_size, service, service_size,
                                        flags);
    };
    if ((flags & NI_NUMERICHOST) != 0 || node == nullptr || !posix::may_park()) {
        return call();
    }
    return posix::aside(call);
}

hostent* gethostbyname(const char* name) {
    if (!posix::may_park()) {
        return posix::next::gethostbyname(name);
    }
    return posix::aside([=] { return posix::next::gethostbyname(name); });
}

hostent* gethostbyaddr(const void* address, socklen_t size, int family) {
    if (!posix::may_park()) {
        return posix::next::gethostbyaddr(address, size, family);
    }
    return posix::aside([=] { return posix::next::gethostbyaddr(address, size, family); });
}

pid_t waitpid(pid_t child, int* status, int options) {
    if ((options & WNOHANG) != 0 || !posix::may_park()) {
        return posix::next::waitpid(child, status, options);
    }
    const pid_t ended = posix::next::waitpid(child, status, options | WNOHANG);
    if (ended != 0) {
        return ended;
    }
    return posix::aside([=] { return posix::next::waitpid(child, status, options); });
}

int flock(int fd, int operation) {
    if ((operation & (LOCK_NB | LOCK_UN)) != 0 || !posix::may_park()) {
        return posix::next::flock(fd, operation);
    }
    if (posix::next::flock(fd, operation | LOCK_NB) == 0) {
        return 0;
    }
    return posix::aside([=] { return posix::next::flock(fd, operation); });
}

int fsync(int fd) {
    if (!posix::may_park()) {
        return posix::next::fsync(fd);
    }
    return posix::aside([=] { return posix::next::fsync(fd); });
}

int fdatasync(int fd) {
    if (!posix::may_park()) {
        return posix::next::fdatasync(fd);
    }
    return posix::aside([=] { return posix::next::fdatasync(fd); });
}

int pthread_join(pthread_t thread, void** returned) {
    if (!posix::may_park()) {
        return posix::next::pthread_join(thread, returned);
    }
    const int error = ::pthread_tryjoin_np(thread, returned);
    if (error != EBUSY) {
        return error;
    }
    return posix::aside([=] { return posix::next::pthread_join(thread, returned); });
}

}  // extern "C"
