#include "app/aside.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/fd.h"

namespace reeve::app {
namespace fs = std::filesystem;
namespace {

/// What belongs to one store, and goes with it. The settings stay.
constexpr std::array kParts{"town.db",      "town.db-wal", "town.db-shm",
                            "town.db.lock", "rounds",      "prompts"};
constexpr const char* kNote = "reset.json";
constexpr const char* kPrefix = "before-reset-";

fs::path pending(const client::TownFolder& folder) { return folder.dir() / "reset-pending"; }

/// A rename lasts when its folder is on disk.
Status sync(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail(os_error(errno, path.string()));
  return {};
}

Status move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return fail(os_error(error.value(), "move " + from.string() + " to " + to.string()));
  return {};
}

Result<AsideNote> read_note(const fs::path& dir) {
  std::ostringstream text;
  text << std::ifstream(dir / kNote).rdbuf();
  return parse_json_as<AsideNote>(text.str());
}

/// Of a store that lies elsewhere.
Status move_database(const std::string& from, const std::string& to) {
  std::error_code error;
  const bool is_there = fs::exists(from, error);
  if (is_there == fs::exists(to, error)) {
    return fail(Errc::conflict, "a reset was cut off that keeps " + from + " as " + to + ", and " +
                                    (is_there ? "both are there" : "neither is there") +
                                    ": put the former store's file in one of these places");
  }
  for (const char* end : {"", "-wal", "-shm", ".lock"}) {
    if (!fs::exists(from + end, error)) continue;
    if (auto moved = move(from + end, to + end); !moved) return moved;
  }
  return sync(fs::path(from).parent_path());
}

/// "before-reset-20261121T233000Z", or with a number behind it.
std::string free_name(const client::TownFolder& folder, Time now) {
  auto stamp = to_rfc3339(now);
  stamp = stamp.substr(0, stamp.find('.'));
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-' || c == 'Z'; });
  const auto name = kPrefix + stamp + "Z";
  std::error_code error;
  for (int number = 2;; ++number) {
    const auto tried = number == 2 ? name : name + "-" + std::to_string(number - 1);
    if (!fs::exists(folder.dir() / tried, error)) return tried;
  }
}

}  // namespace

std::string kept_database(const std::string& database, const fs::path& kept_in) {
  return database + "." + kept_in.filename().string();
}

bool is_pending(const client::TownFolder& folder) {
  std::error_code error;
  return fs::exists(pending(folder), error);
}

Status decide_aside(const client::TownFolder& folder, const std::string& former_log, Time now,
                    std::optional<std::uint64_t> generation, std::optional<std::string> database) {
  const auto draft = folder.dir() / "reset-pending.new";
  std::error_code error;
  fs::remove_all(draft, error);
  if (::mkdir(draft.c_str(), 0700) != 0) return fail(os_error(errno, "make " + draft.string()));
  const AsideNote note{former_log, ".reeve/" + free_name(folder, now), generation,
                       std::move(database)};
  {
    std::ofstream file(draft / kNote, std::ios::trunc);
    file << write_json_of(note) << '\n';
    file.close();
    if (!file) return fail(Errc::unavailable, "cannot write " + (draft / kNote).string());
  }
  for (const auto& path : {draft / kNote, draft}) {
    if (auto kept = sync(path); !kept) return kept;
  }
  if (auto decided = move(draft, pending(folder)); !decided) return decided;
  return sync(folder.dir());
}

Result<std::optional<fs::path>> finish_aside(const client::TownFolder& folder,
                                             const BeginGeneration& begin) {
  if (!is_pending(folder)) return std::optional<fs::path>();
  const auto into = pending(folder);
  const auto note = read_note(into);
  if (!note) return fail(note.error().during((into / kNote).string()));
  std::error_code error;
  for (const auto* part : kParts) {
    if (!fs::exists(folder.dir() / part, error)) continue;
    if (auto moved = move(folder.dir() / part, into / part); !moved) return fail(moved.error());
  }
  if (auto kept = sync(into); !kept) return fail(kept.error());
  if (note->database) {
    const auto kept = kept_database(*note->database, note->kept_in);
    if (auto moved = move_database(*note->database, kept); !moved) return fail(moved.error());
  }
  if (note->generation) {
    REEVE_CHECK(begin);
    if (auto begun = begin(*note->generation); !begun) return fail(begun.error());
  }
  if (::mkdir(folder.rounds().c_str(), 0700) != 0 && errno != EEXIST)
    return fail(os_error(errno, "make " + folder.rounds().string()));
  auto kept_in = folder.root() / note->kept_in;
  if (auto moved = move(into, kept_in); !moved) return fail(moved.error());
  if (auto kept = sync(folder.dir()); !kept) return fail(kept.error());
  return std::optional(std::move(kept_in));
}

Result<fs::path> set_aside(const client::TownFolder& folder, const std::string& former_log,
                           Time now, std::optional<std::uint64_t> generation,
                           const BeginGeneration& begin, std::optional<std::string> database) {
  auto decided = decide_aside(folder, former_log, now, generation, std::move(database));
  if (!decided) return fail(decided.error());
  auto kept = finish_aside(folder, begin);
  if (!kept) return fail(kept.error());
  return std::move(kept->value());
}

std::optional<AsideNote> note_to_tell(const client::TownFolder& folder) {
  std::vector<fs::path> kept;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder.dir(), error)) {
    if (entry.path().filename().string().starts_with(kPrefix) &&
        fs::exists(entry.path() / kNote, error))
      kept.push_back(entry.path());
  }
  if (kept.empty()) return std::nullopt;
  auto note = read_note(std::ranges::max(kept));
  return note ? std::optional(std::move(*note)) : std::nullopt;
}

void forget_note(const client::TownFolder& folder, const AsideNote& note) {
  std::error_code error;
  fs::remove(folder.root() / note.kept_in / kNote, error);
}

}  // namespace reeve::app
