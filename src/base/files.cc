#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace reeve {
namespace {

constexpr std::size_t kLargest = 1 << 20;

Status write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(os_error(errno, "write"));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return fail(os_error(errno, "write"));
  return {};
}

}  // namespace

Result<std::string> read_small_file(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(os_error(errno, "read " + path.string()));
  std::string text;
  std::array<char, 16384> piece{};
  for (;;) {
    const auto size = ::read(file.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(os_error(errno, "read " + path.string()));
    if (size == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(size));
    if (text.size() > kLargest) return fail(Errc::too_large, path.string() + " is too large");
  }
}

Status replace_file(const std::filesystem::path& path, std::string_view text) {
  struct stat before{};
  const mode_t mode = ::stat(path.c_str(), &before) == 0 ? before.st_mode & 0777 : 0600;
  auto partial = path.string() + ".XXXXXX";
  const Fd file(::mkostemp(partial.data(), O_CLOEXEC));  // 0600
  if (!file) return fail(os_error(errno, "write " + path.string()));
  auto written = write_whole(file.get(), text);
  if (written && ::fchmod(file.get(), mode) != 0) written = fail(os_error(errno, "write"));
  if (written && ::rename(partial.c_str(), path.c_str()) != 0)
    written = fail(os_error(errno, "write"));
  if (!written) {
    ::unlink(partial.c_str());
    return fail(written.error().during(path.string()));
  }
  return {};
}

}  // namespace reeve
