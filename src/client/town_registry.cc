#include "client/town_registry.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <thread>

#include "base/fd.h"
#include "base/json.h"
#include "base/utf8.h"
#include "client/settings_file.h"
#include "client/town_folder.h"

namespace reeve::client {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMost = 300;
constexpr auto kPatience = 1s;

struct Listed {
  std::vector<KnownTown> towns;
};
BOOST_DESCRIBE_STRUCT(Listed, (), (towns))

/// Held while the file is read, changed and put back.
Result<Fd> lock(const fs::path& registry) {
  std::error_code error;
  const auto folder = registry.parent_path();
  fs::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(os_error(errno, "make " + folder.string()));
  const auto path = registry.string() + ".lock";
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail(os_error(errno, path));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(os_error(errno, path));
    if (std::chrono::steady_clock::now() > deadline)
      return fail(Errc::timeout, path + " is held by another process");
    std::this_thread::sleep_for(5ms);
  }
  return file;
}

Status write_towns(const fs::path& registry, std::vector<KnownTown> towns) {
  return replace_file(registry, write_json_of(Listed{std::move(towns)}) + "\n");
}

}  // namespace

std::optional<fs::path> registry_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return fs::path(state) / "reeve" / "towns.json";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') return std::nullopt;
  return fs::path(home) / ".local" / "state" / "reeve" / "towns.json";
}

Result<std::vector<KnownTown>> known_towns(const fs::path& registry) {
  auto text = read_small_file(registry);
  if (!text && text.error().is(Errc::not_found)) return std::vector<KnownTown>();
  if (!text) return fail(text.error());
  auto listed = parse_json_as<Listed>(*text);
  if (!listed)
    return fail(Errc::corrupt, registry.string() + " is no list of towns (" +
                                   listed.error().message() + "); remove it, it is made anew");
  return std::move(listed->towns);
}

Status remember_town(const fs::path& registry, KnownTown town) {
  const auto held = lock(registry);
  if (!held) return fail(held.error());
  town.root = to_utf8(town.root);
  auto towns = known_towns(registry).value_or(std::vector<KnownTown>());
  if (!towns.empty() && towns.front() == town) return {};
  std::erase_if(towns, [&](const KnownTown& known) { return known.root == town.root; });
  towns.insert(towns.begin(), std::move(town));
  if (towns.size() > kMost) {
    std::erase_if(towns, [](const KnownTown& known) { return !is_there(known); });
    towns.resize(std::min(towns.size(), kMost));
  }
  return write_towns(registry, std::move(towns));
}

Result<std::vector<KnownTown>> forget_missing(const fs::path& registry) {
  const auto held = lock(registry);
  if (!held) return fail(held.error());
  auto towns = known_towns(registry);
  if (!towns) return fail(towns.error());
  std::vector<KnownTown> dropped;
  std::ranges::copy_if(*towns, std::back_inserter(dropped), std::not_fn(is_there));
  if (dropped.empty()) return dropped;
  std::erase_if(*towns, std::not_fn(is_there));
  if (auto written = write_towns(registry, std::move(*towns)); !written)
    return fail(written.error());
  return dropped;
}

bool is_there(const KnownTown& town) {
  std::error_code error;
  return fs::exists(TownFolder(town.root).settings(), error);
}

}  // namespace reeve::client
