#include "base/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/fd.h"
#include "base/limits.h"

namespace reeve {
namespace {

Result<Secret> read_secret(std::string_view text, const std::string& where) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return fail(Errc::invalid_argument, where + " is empty");
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  if (text.size() > limits::kSecret) {
    return fail(Errc::invalid_argument,
                where + " is longer than " + std::to_string(limits::kSecret) + " bytes");
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(text, control))
    return fail(Errc::invalid_argument, where + " holds a line end or another control byte");
  return Secret(std::string(text));
}

}  // namespace

std::string Secret::hide_in(std::string text) const {
  constexpr std::size_t kWorthHiding = 8;
  if (text_.size() < kWorthHiding) return text;
  constexpr std::string_view kHidden = "***";
  for (auto at = text.find(text_); at != std::string::npos; at = text.find(text_, at)) {
    text.replace(at, text_.size(), kHidden);
    at += kHidden.size();
  }
  return text;
}

Result<Secret> secret_from_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr)
    return fail(Errc::not_found, "the variable " + name + " is not set where the daemon runs");
  return read_secret(value, "the variable " + name);
}

Result<Secret> secret_from_file(const std::filesystem::path& path) {
  const auto where = path.string();
  // Not to hang on a pipe that somebody put there.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail(os_error(errno, "read " + where));
  struct stat about{};
  if (::fstat(fd.get(), &about) != 0) return fail(os_error(errno, "read " + where));
  if (!S_ISREG(about.st_mode)) return fail(Errc::invalid_argument, where + " is no plain file");
  if ((about.st_mode & 077) != 0)
    return fail(Errc::denied, "others may read " + where + ": chmod 600 it");
  if (about.st_uid != ::geteuid() && about.st_uid != 0)
    return fail(Errc::denied, where + " belongs to another user");
  std::array<char, limits::kSecret + 3> buffer{};  // one past the limit, and a line end
  std::size_t size = 0;
  while (size < buffer.size()) {
    const auto got = ::read(fd.get(), buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(os_error(errno, "read " + where));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return read_secret({buffer.data(), size}, where);
}

}  // namespace reeve
