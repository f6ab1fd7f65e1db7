// SPDX-License-Identifier: Apache-2.0
//
// A statement as it may be shown to an administrator or logged: without its constants, since any of
// them may be a password or a customer's data, without comments, and short. What is left are
// keywords, names, operators and parameters. A plain call; never throws but std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::pool {

/// Longer ones are cut off, with an ellipsis behind.
inline constexpr std::size_t longest_shown = 120;

/// The statement of `sql` before which there are `number`, as effect::statement counts them; of a
/// long text (longest_read) its beginning. Strings and numbers are a question mark each. Where a
/// server with standard_conforming_strings = off may see the end of a string elsewhere, it ends
/// there. Valid UTF-8 without control characters, whatever the text is.
std::string shown_statement(std::string_view sql, std::size_t number = 0);

/// All statements of a text, of which there is more if it is `cut`, in the same form.
std::string shown_beginning(std::string_view sql, bool cut);

}  // namespace weft::pool
