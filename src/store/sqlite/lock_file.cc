#include "store/sqlite/lock_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace reeve::store::sqlite {
namespace {

/// The part of a "name=value\n" text after `name=`.
std::string field(std::string_view text, std::string_view name) {
  const auto start = text.find(std::string(name) + "=");
  if (start == std::string_view::npos) return {};
  const auto value = text.substr(start + name.size() + 1);
  return std::string(value.substr(0, value.find('\n')));
}

std::string read_all(int fd) {
  std::array<char, 1024> buffer{};
  const auto got = ::pread(fd, buffer.data(), buffer.size(), 0);
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
}

std::string started_at() {
  // Field 22 of /proc/self/stat: with the pid it names one process of this boot.
  const Fd fd(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  if (!fd) return "?";
  const auto text = read_all(fd.get());
  auto at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return "?";
  return text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

constexpr std::size_t kHeadDigits = 20;

}  // namespace

Result<LockFile> LockFile::take(const std::string& path, Time now, std::string_view by) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd && errno == EROFS)
    return fail(Errc::read_only, path + ": the store cannot be written: " + errno_text(errno));
  if (!fd) return fail(os_error(errno, path));
  const bool held = ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
  if (held && errno != EWOULDBLOCK) return fail(os_error(errno, path));
  const auto text = read_all(fd.get());
  if (held) {
    const auto other = field(text, "by");
    return fail(Errc::conflict,
                (other.empty() ? std::string("another daemon") : other) +
                    " has this town's store open: process " + field(text, "pid") + ", since " +
                    field(text, "since") + " (" + path + "); " +
                    (other.empty() ? "stop it first" : "it must close the town, or end, first"));
  }
  const auto head = field(text, "head");
  LockFile lock(std::move(fd), now, by);
  Memory memory{.log = field(text, "log"), .file = field(text, "file")};
  const auto read = std::from_chars(head.data(), head.data() + head.size(), memory.head);
  if (!memory.log.empty() && read.ec == std::errc()) lock.last_ = std::move(memory);
  // From here on a second one is told about us.
  if (auto noted = lock.note(lock.last_.value_or(Memory())); !noted) return fail(noted.error());
  return lock;
}

Status LockFile::note(const Memory& memory) {
  front_ = fmt::format("pid={}\nby={}\nstart={}\nsince={}\nlog={}\nfile={}\nhead=", ::getpid(), by_,
                       started_at(), to_rfc3339(since_), memory.log, memory.file);
  const auto text = front_ + fmt::format("{:020}\n", memory.head);
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(fd_.get(), static_cast<off_t>(text.size())) != 0)
    return fail(os_error(errno, "writing the store's lock file"));
  return {};
}

void LockFile::note_head(Position head) {
  std::array<char, kHeadDigits + 1> text{};
  fmt::format_to(text.data(), "{:020}", head.value);
  // A lost note is an older one: it says less, never something wrong.
  static_cast<void>(
      !::pwrite(fd_.get(), text.data(), kHeadDigits, static_cast<off_t>(front_.size())));
}

std::string holder_in(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd ? field(read_all(fd.get()), "by") : std::string();
}

std::string file_identity(const std::string& path) {
  struct statx found{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &found) != 0) return {};
  return fmt::format("{}.{}.{}", found.stx_ino, found.stx_btime.tv_sec, found.stx_btime.tv_nsec);
}

}  // namespace reeve::store::sqlite
