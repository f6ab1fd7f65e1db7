// SPDX-License-Identifier: Apache-2.0
//
// What the process is to the system: its user, its pidfile, the group of its Unix socket. For main,
// and the start of the service; all block. An error is what is wrong, in one line.
#pragma once

#include <expected>
#include <string>

namespace weft::pool {

/// Becomes this Unix user, with the groups of it; nothing happens if the process is it already.
/// Before there are other kernel threads.
std::expected<void, std::string> become_user(const std::string& name);

/// Gives a file to a group, by name or number.
std::expected<void, std::string> give_to_group(const std::string& file, const std::string& group);

/// A file with the number of the process, for as long as this lives.
class pid_file {
public:
    pid_file() = default;
    pid_file(const pid_file&) = delete;
    pid_file& operator=(const pid_file&) = delete;
    ~pid_file();

    /// Fails if it names another process that lives, unless this one `takes_over` from that. Empty:
    /// none is written. Once. In the end it goes, if nobody has taken over.
    std::expected<void, std::string> write(const std::string& path, bool takes_over = false);

private:
    std::string path_;
};

}  // namespace weft::pool
