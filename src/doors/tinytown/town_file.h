#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/redis_url.h"

/// tinytown.toml: what a town of tinytown's says of itself, and where its Redis is.
namespace reeve::doors::tinytown {

struct TownFile {
  std::string name;
  std::string default_cli;
  std::map<std::string, std::string> clis;  ///< commands by the names that they have there
  net::RedisAddress redis;
  std::vector<std::string> notes;  ///< settings that have others here
};

/// Variables as tinytown takes them: REDIS_URL before all else, TINYTOWN_REDIS_PASSWORD.
using Variable = std::optional<std::string>;
struct TownVariables {
  Variable redis_url;
  Variable password;
};

/// In tinytown's order: REDIS_URL, [redis] url, the socket where it uses one, host and port.
/// `explicit_url`: before all of them. not_found: no tinytown.toml in `root`. invalid_argument: it
/// is none, or no address.
Result<TownFile> read_town_file(const std::filesystem::path& root, const TownVariables& variables,
                                const std::string& explicit_url = {});

}  // namespace reeve::doors::tinytown
