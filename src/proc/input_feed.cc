#include "proc/input_feed.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace reeve::proc {

Status InputFeed::open(const RoundFolder& folder) {
  auto file = folder.open_file("stdin", O_RDONLY | O_CREAT);
  if (!file) return fail(file.error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os_error(errno, "pipe"));
  file_ = std::move(*file);
  read_.reset(ends[0]);
  write_.reset(ends[1]);
  // Only this end: the CLI's own reads wait, as it expects.
  if (::fcntl(write_.get(), F_SETFL, O_NONBLOCK) != 0) return fail(os_error(errno, "pipe"));
  return {};
}

void InputFeed::feed(const RoundFolder& folder) {
  waiting_ = false;
  if (!is_open()) return;
  // Asked for before the file is read: what was written before the end was told is then seen.
  const bool complete = ::faccessat(folder.fd(), "stdin.end", F_OK, 0) == 0;
  while (is_open()) {
    std::array<char, 16 << 10> chunk;
    const auto got = ::pread(file_.get(), chunk.data(), chunk.size(), offset_);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (complete || got < 0) close();
      return;
    }
    const auto wrote = ::write(write_.get(), chunk.data(), static_cast<std::size_t>(got));
    if (wrote > 0) {
      offset_ += wrote;
    } else if (errno == EAGAIN) {
      waiting_ = true;
      return;
    } else if (errno != EINTR) {
      close();
    }
  }
}

}  // namespace reeve::proc
