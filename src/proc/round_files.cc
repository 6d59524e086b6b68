#include "proc/round_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

namespace reeve::proc {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kFolderMode = 0700;
constexpr off_t kExitRoom = 4096;
constexpr const char* kExitBeing = "exit.json.tmp";

Status write_all(int fd, std::string_view bytes, const char* name) {
  while (!bytes.empty()) {
    const auto wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail(os_error(errno, std::string("write ") + name));
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<std::string> read_all(int fd, std::size_t limit, const char* name) {
  std::string text;
  for (;;) {
    constexpr std::size_t kChunk = 16 << 10;
    const auto had = text.size();
    text.resize(had + kChunk);
    const auto got = ::read(fd, text.data() + had, kChunk);
    text.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(os_error(errno, std::string("read ") + name));
    if (got == 0) return text;
    if (text.size() > limit) {
      return fail(Errc::too_large,
                  std::string(name) + " is over " + std::to_string(limit) + " bytes");
    }
  }
}

/// Argv and environment are bytes to Linux, so texts that are no UTF-8 pass unharmed.
Result<json::value> parse_bytes(std::string_view text, const char* name) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code error;
  auto value = json::parse(text, error, {}, options);
  if (error) return fail(Errc::corrupt, std::string(name) + " is not JSON: " + error.message());
  return value;
}

Result<json::value> read_value(const RoundFolder& folder, const char* name, std::size_t limit) {
  const auto file = folder.open_file(name, O_RDONLY);
  if (!file) return fail(file.error());
  const auto text = read_all(file->get(), limit, name);
  if (!text) return fail(text.error());
  return parse_bytes(*text, name);
}

template <class T>
Result<T> read_note(const RoundFolder& folder, const char* name,
                    std::size_t limit = limits::kRoundNote) {
  const auto value = read_value(folder, name, limit);
  if (!value) return fail(value.error());
  // The version first: what follows may mean something else in a newer one.
  int version = 0;
  const auto* written = value->is_object() ? value->get_object().if_contains("version") : nullptr;
  if (written == nullptr || !read_json(*written, version) || version < 1) {
    return fail(Errc::corrupt, std::string(name) + " has no version");
  }
  if (version > kRoundVersion) {
    return fail(Errc::unsupported, std::string(name) + " is of version " + std::to_string(version) +
                                       "; this program reads up to " +
                                       std::to_string(kRoundVersion));
  }
  auto note = from_json<T>(*value);
  if (!note) return fail(Error(Errc::corrupt, note.error().message()).during(name));
  return note;
}

/// A name beside `name` that nobody else uses at the same time.
std::string temporary_name(const char* name) {
  static thread_local unsigned count = 0;
  return std::string(name) + "." + std::to_string(::getpid()) + "." + std::to_string(::gettid()) +
         "." + std::to_string(++count) + ".tmp";
}

/// Writes a new file and shows it under its name in one step. It is not synced: after a power cut
/// the round is over whatever it says.
Status write_note(const RoundFolder& folder, const char* name, std::string_view text) {
  const auto temporary = temporary_name(name);
  const auto file = folder.open_file(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return fail(file.error());
  auto status = write_all(file->get(), text, name);
  if (status && ::renameat(folder.fd(), temporary.c_str(), folder.fd(), name) != 0) {
    status = fail(os_error(errno, std::string("rename ") + name));
  }
  if (!status) ::unlinkat(folder.fd(), temporary.c_str(), 0);
  return status;
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

}  // namespace

Status check(const RoundSpec& spec) {
  const auto refuse = [](std::string why) {
    return fail(Errc::invalid_argument, "a round " + std::move(why));
  };
  constexpr std::size_t kShortestMark = 16;  // shorter ones could be anybody's
  if (spec.version > kRoundVersion) return fail(Errc::unsupported, "a round of a newer version");
  if (spec.argv.empty() || spec.argv.front().empty()) return refuse("needs a program");
  if (spec.mark.size() < kShortestMark) return refuse("needs a mark of 16 characters or more");
  if (!spec.cwd.starts_with('/')) return refuse("needs an absolute working directory");
  if (has_nul(spec.mark) || has_nul(spec.cwd)) return refuse("cannot hold a NUL");
  for (const auto& argument : spec.argv) {
    if (has_nul(argument)) return refuse("cannot hold a NUL in an argument");
  }
  for (const auto& [name, value] : spec.env) {
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value)) {
      return refuse("cannot hold a variable with a blank name, a '=' in its name or a NUL");
    }
  }
  return {};
}

Result<RoundFolder> RoundFolder::create(const std::filesystem::path& dir) {
  if (::mkdir(dir.c_str(), kFolderMode) != 0) return fail(os_error(errno, dir.string()));
  auto folder = open(dir);
  if (!folder) return folder;
  for (const char* name : {"out", "err"}) {
    if (auto made = folder->open_file(name, O_WRONLY | O_CREAT); !made) {
      std::error_code ignored;
      std::filesystem::remove_all(dir, ignored);
      return fail(made.error());
    }
  }
  return folder;
}

Result<RoundFolder> RoundFolder::open(const std::filesystem::path& dir) {
  Fd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(os_error(errno, dir.string()));
  return RoundFolder(std::move(fd));
}

Result<Fd> RoundFolder::open_file(const char* name, int flags) const {
  Fd fd(::openat(fd_.get(), name, flags | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!fd) return fail(os_error(errno, name));
  return fd;
}

Result<RoundSpec> RoundFolder::spec() const {
  return read_note<RoundSpec>(*this, "spec.json", limits::kRoundSpec);
}

Result<std::string> RoundFolder::mark() const {
  const auto value = read_value(*this, "spec.json", limits::kRoundSpec);
  if (!value) return fail(value.error());
  const auto* mark = value->is_object() ? value->get_object().if_contains("mark") : nullptr;
  if (mark == nullptr || !mark->is_string()) return fail(Errc::corrupt, "spec.json has no mark");
  return std::string(mark->get_string());
}

Status RoundFolder::write_spec(const RoundSpec& spec) const {
  const auto text = write_json_of(spec);
  if (text.size() > limits::kRoundSpec) {
    return fail(Errc::too_large, "a round's arguments and environment are over their limit");
  }
  return write_note(*this, "spec.json", text);
}

Status RoundFolder::write_stdin(std::string_view text) const {
  return write_note(*this, "stdin", text);
}

Result<Claim> RoundFolder::claim() const { return read_note<Claim>(*this, "claim"); }

Result<Fd> RoundFolder::take(const Claim& claim) const {
  const auto temporary = temporary_name("claim");
  auto file = open_file(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL);
  if (!file) return file;
  Status status;
  // Locked before it can be seen: whoever sees the claim sees the lock.
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) status = fail(os_error(errno, "lock claim"));
  if (status) status = write_all(file->get(), write_json_of(claim), "claim");
  if (status && ::linkat(fd_.get(), temporary.c_str(), fd_.get(), "claim", 0) != 0) {
    status = fail(os_error(errno, "claim"));
  }
  ::unlinkat(fd_.get(), temporary.c_str(), 0);
  if (!status) return fail(status.error());
  return file;
}

Result<bool> RoundFolder::is_held() const {
  const auto file = open_file("claim", O_RDONLY);
  if (!file) return fail(file.error());
  if (::flock(file->get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return fail(os_error(errno, "lock claim"));
}

Result<StopRequest> RoundFolder::stop_request() const {
  return read_note<StopRequest>(*this, "stop.json");
}

Status RoundFolder::write_stop(const StopRequest& request) const {
  return write_note(*this, "stop.json", write_json_of(request));
}

Result<Exit> RoundFolder::exit() const { return read_note<Exit>(*this, "exit.json"); }

Status RoundFolder::reserve_exit() const {
  const auto file = open_file(kExitBeing, O_WRONLY | O_CREAT);
  if (!file) return fail(file.error());
  if (const int error = ::posix_fallocate(file->get(), 0, kExitRoom); error != 0) {
    return fail(os_error(error, kExitBeing));
  }
  return {};
}

Status RoundFolder::write_exit(const Exit& exit) const {
  const auto text = write_json_of(exit);
  // No O_TRUNC: it would give the reserved room back.
  const auto file = open_file(kExitBeing, O_WRONLY | O_CREAT);
  if (!file) return fail(file.error());
  if (auto wrote = write_all(file->get(), text, kExitBeing); !wrote) return wrote;
  if (::ftruncate(file->get(), static_cast<off_t>(text.size())) != 0 || ::fsync(file->get()) != 0 ||
      ::renameat(fd_.get(), kExitBeing, fd_.get(), "exit.json") != 0 || ::fsync(fd_.get()) != 0) {
    return fail(os_error(errno, "exit.json"));
  }
  return {};
}

}  // namespace reeve::proc
