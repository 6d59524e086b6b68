#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

/// Values of a town's settings as people write them.
namespace reeve::client {

/// invalid_argument: "KEY: expected WHAT".
std::unexpected<Error> expected(std::string_view key, const char* what);

// Each leaves `out` as it is where the key is absent. invalid_argument: a wrong type or text; the
// text names the key.

Status read_duration(const toml::table& table, std::string_view key, std::optional<Duration>& out);
Status read_size(const toml::table& table, std::string_view key, std::optional<std::uint64_t>& out);
Status read_number(const toml::table& table, std::string_view key,
                   std::optional<std::uint64_t>& out);
Status read_amount(const toml::table& table, std::string_view key, std::optional<double>& out);
Status read_flag(const toml::table& table, std::string_view key, std::optional<bool>& out);
Status read_texts(const toml::table& table, std::string_view key, std::vector<std::string>& out);

}  // namespace reeve::client
