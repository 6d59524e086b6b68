#include "proc/output_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace reeve::proc {

OutputTail::OutputTail(std::filesystem::path file, Options options)
    : path_(std::move(file)),
      line_limit_(options.line_limit),
      read_(options.offset),
      given_(options.offset) {}

Result<std::uint64_t> OutputTail::size() {
  if (!file_) file_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_) {
    if (errno == ENOENT) return 0;
    return fail(os_error(errno, path_.string()));
  }
  struct stat stat{};
  if (::fstat(file_.get(), &stat) != 0) return fail(os_error(errno, path_.string()));
  return static_cast<std::uint64_t>(stat.st_size);
}

Result<OutputBatch> OutputTail::read(bool complete, std::size_t max_bytes) {
  const auto size = this->size();
  if (!size) return fail(size.error());
  if (*size < read_) {
    return fail(Errc::corrupt, path_.string() +
                                   " is shorter than before: " + std::to_string(*size) +
                                   " bytes, read were " + std::to_string(read_));
  }
  OutputBatch batch;
  const auto want = std::min<std::uint64_t>(max_bytes, *size - read_);
  std::string chunk(want, '\0');
  std::size_t have = 0;
  while (have < want) {
    const auto got =
        ::pread(file_.get(), chunk.data() + have, want - have, static_cast<off_t>(read_ + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(os_error(errno, "read " + path_.string()));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  take(std::string_view(chunk).substr(0, have), batch);
  batch.more = read_ < *size;
  if (complete && !batch.more) {
    if (given_ < read_) give_out(batch, read_, true);
    batch.at_end = true;
  }
  batch.offset = given_;
  return batch;
}

void OutputTail::take(std::string_view bytes, OutputBatch& batch) {
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const auto piece = bytes.substr(0, newline);
    line_.append(piece.substr(0, line_limit_ - line_.size()));
    if (newline == std::string_view::npos) {
      read_ += bytes.size();
      return;
    }
    read_ += newline + 1;
    bytes.remove_prefix(newline + 1);
    give_out(batch, read_, false);
  }
}

void OutputTail::give_out(OutputBatch& batch, std::uint64_t end, bool unterminated) {
  const auto length = end - given_ - (unterminated ? 0 : 1);
  const bool cut = length > line_.size();
  batch.lines.push_back({.text = std::exchange(line_, {}),
                         .begin = given_,
                         .end = end,
                         .cut = cut,
                         .unterminated = unterminated});
  given_ = end;
}

}  // namespace reeve::proc
