// SPDX-License-Identifier: Apache-2.0
//
// SET and RESET, and set_config() as far as they are the same. For effects.cpp and calls.cpp.
//
// Source: PostgreSQL documentation of SET, RESET, SET ROLE, SET SESSION AUTHORIZATION, SET
// TRANSACTION.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sql/effects.h"
#include "sql/token.h"

namespace weft::pool {

/// A value for a parameter. Which effects it has depends on which parameter it is.
struct assignment {
    /// In lower case.
    std::string name;
    /// A statement that does it again in another session.
    std::string text;
    /// As far as it is one name or string.
    std::string value;
    bool local = false;
};

void add_assignment(std::vector<effect>& effects, assignment from);

/// `statement` begins with SET, or with RESET.
void add_effects_of_set(std::vector<effect>& effects, std::span<const token> statement);
void add_effects_of_reset(std::vector<effect>& effects, std::span<const token> statement);

}  // namespace weft::pool
