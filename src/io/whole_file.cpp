// SPDX-License-Identifier: Apache-2.0
//
// Whole files and folders: several system calls in one blocking(), and between parts of 1 MiB a
// look at what bounds the caller.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>

#include <weft/blocking.h>
#include <weft/detail/unique_fd.h>
#include <weft/errno.h>

#include "base/error.h"
#include "io/file_calls.h"

namespace weft::io {

namespace {

constexpr std::size_t part_size = std::size_t{1} << 20;

/// Runs `body()`, which returns 0 or an errno value, aside. No exception leaves it there.
template <class Body>
int run_aside(const file_caller& by, Body body) {
    if (const int error = by.check()) {
        return error;
    }
    return blocking([&] {
        try {
            return body();
        } catch (const std::bad_alloc&) {
            return ENOMEM;
        }
    });
}

int read_all(const file_caller& by, int fd, std::string& out, std::size_t most) {
    struct stat found = {};
    if (::fstat(fd, &found) != 0) {
        return errno;
    }
    if (!S_ISREG(found.st_mode) && !S_ISCHR(found.st_mode) && !S_ISBLK(found.st_mode)) {
        return S_ISDIR(found.st_mode) ? EISDIR : EOPNOTSUPP;
    }
    // What /proc has says 0; and one byte more tells the end.
    std::size_t expected =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(found.st_size), most) + 1;
    for (;;) {
        const std::size_t had = out.size();
        const std::size_t size = std::min(std::max<std::size_t>(expected, 4096), part_size);
        ssize_t n = 0;
        int error = 0;
        out.resize_and_overwrite(had + size, [&](char* bytes, std::size_t) {
            n = ::read(fd, bytes + had, size);
            error = errno;
            return had + static_cast<std::size_t>(std::max<ssize_t>(n, 0));
        });
        if (n < 0 && error != EINTR) {
            return error;
        }
        if (n == 0) {
            return 0;
        }
        if (out.size() > most) {
            return EFBIG;
        }
        expected -= std::min(expected, out.size() - had);
        if (out.size() / part_size != had / part_size) {
            if (const int ended = by.check()) {
                return ended;
            }
        }
    }
}

int write_all(const file_caller& by, int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), std::min(bytes.size(), part_size));
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
        if (!bytes.empty()) {
            if (const int ended = by.check()) {
                return ended;
            }
        }
    }
    return 0;
}

/// The umask can only be read by changing it, for all threads; the kernel applies it to what
/// open(2) creates.
int make_new(std::string& path, const char* old) {
    struct stat found = {};
    const bool known = ::lstat(old, &found) == 0 && S_ISREG(found.st_mode);
    for (int i = 0; i < 100; ++i) {
        std::string name = path + "." + std::to_string(::getpid()) + "." +
                           std::to_string(::gettid()) + "." + std::to_string(i) + ".new";
        const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) {
            continue;
        }
        if (fd >= 0 && known && ::fchmod(fd, found.st_mode & 07777) != 0) {
            const int error = errno;
            ::close(fd);
            ::unlink(name.c_str());
            errno = error;
            return -1;
        }
        path = std::move(name);
        return fd;
    }
    errno = EEXIST;
    return -1;
}

/// The folder must know of the new name, too.
int sync_folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "."
                               : slash == 0               ? "/"
                                                          : path.substr(0, slash);
    const unique_fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems cannot: EINVAL.
    return !fd.valid() || (::fsync(fd.get()) != 0 && errno != EINVAL) ? errno : 0;
}

int replace(const file_caller& by, const std::string& path, std::string_view bytes) {
    std::string fresh = path;
    const unique_fd fd(make_new(fresh, path.c_str()));
    if (!fd.valid()) {
        return errno;
    }
    int error = write_all(by, fd.get(), bytes);
    if (error == 0 && (::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)) {
        error = errno;
    }
    if (error != 0) {
        ::unlink(fresh.c_str());
        return error;
    }
    return sync_folder_of(path);
}

file_kind kind_of(unsigned char type) noexcept {
    switch (type) {
        case DT_REG:
            return file_kind::regular;
        case DT_DIR:
            return file_kind::directory;
        case DT_LNK:
            return file_kind::link;
        default:
            return file_kind::other;
    }
}

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

int list(const std::string& path, std::vector<directory_entry>& out) {
    const std::unique_ptr<DIR, close_directory> directory(::opendir(path.c_str()));
    if (directory == nullptr) {
        return errno;
    }
    for (;;) {
        errno = 0;
        const dirent* const next = ::readdir(directory.get());
        if (next == nullptr) {
            return errno;
        }
        std::string name = next->d_name;
        if (name != "." && name != "..") {
            out.push_back({.name = std::move(name), .kind = kind_of(next->d_type)});
        }
    }
}

}  // namespace

result<std::string> read_whole_file(const file_caller& by, const std::string& path,
                                    std::size_t most) {
    std::string out;
    const int error = run_aside(by, [&] {
        // O_NONBLOCK: a pipe would wait for its other end.
        const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
        return fd.valid() ? read_all(by, fd.get(), out, most) : errno;
    });
    if (error == EFBIG) {
        return base::fail(errc::limit_exceeded, "read_file", path);
    }
    if (error != 0) {
        return base::fail(error, "read_file", path);
    }
    return out;
}

result<void> write_whole_file(const file_caller& by, const std::string& path,
                              std::string_view bytes) {
    if (const int error = run_aside(by, [&] { return replace(by, path, bytes); })) {
        return base::fail(error, "write_file", path);
    }
    return {};
}

result<std::vector<directory_entry>> list_entries(const file_caller& by, const std::string& path) {
    std::vector<directory_entry> out;
    if (const int error = run_aside(by, [&] { return list(path, out); })) {
        return base::fail(error, "list_directory", path);
    }
    return out;
}

}  // namespace weft::io
