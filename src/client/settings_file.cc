#include "client/settings_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <sstream>

namespace reeve::client {

Result<Fd> lock_folder(const std::filesystem::path& folder) {
  Fd held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!held) return fail(os_error(errno, folder.string()));
  while (::flock(held.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(os_error(errno, "lock " + folder.string()));
  }
  return held;
}

Result<toml::table> parse_toml(std::string_view text, const std::string& path) {
  try {
    return toml::parse(text, std::string_view(path));
  } catch (const toml::parse_error& error) {
    return fail(Errc::invalid_argument, path + ":" + std::to_string(error.source().begin.line) +
                                            ": " + std::string(error.description()));
  }
}

json::value json_of(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    json::object out;
    for (const auto& [key, value] : *table) out[key.str()] = json_of(value);
    return out;
  }
  if (const auto* array = node.as_array()) {
    json::array out;
    for (const auto& value : *array) out.push_back(json_of(value));
    return out;
  }
  if (const auto text = node.value_exact<std::string>()) return json::value(*text);
  if (const auto number = node.value_exact<std::int64_t>()) return json::value(*number);
  if (const auto number = node.value_exact<double>()) return json::value(*number);
  if (const auto flag = node.value_exact<bool>()) return json::value(*flag);
  std::ostringstream text;
  node.visit([&text](const auto& value) { text << value; });
  return json::value(text.str());
}

}  // namespace reeve::client
