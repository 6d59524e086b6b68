#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

namespace reeve::proc {

/// One line of a CLI's output, without its newline. `begin` and `end` are its bytes' place in the
/// file, newline included: reading again from `end` goes on exactly behind it.
struct OutputLine {
  std::string text;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool cut = false;           ///< longer than the limit: `text` is its beginning
  bool unterminated = false;  ///< the last one, without a newline: the writer ended in its midst
};

struct OutputBatch {
  std::vector<OutputLine> lines;
  /// Behind the last line that was given out: what is to be committed with the events of the lines.
  std::uint64_t offset = 0;
  bool more = false;    ///< there is more to read now
  bool at_end = false;  ///< nothing more will ever come
};

/// Follows a file that grows, line by line, from a byte offset that was committed earlier.
///
/// Reading the same file again from the same offset gives the same lines with the same places.
class OutputTail {
 public:
  struct Options {
    std::uint64_t offset = 0;
    std::size_t line_limit = limits::kStreamLine;
  };
  explicit OutputTail(std::filesystem::path file) : OutputTail(std::move(file), Options{}) {}
  OutputTail(std::filesystem::path file, Options options);

  /// Reads at most `max_bytes` and returns the lines that are complete with them. A file that is
  /// not there yet is empty. `complete`: nobody writes any more, so a last line without a newline
  /// is given out as well.
  ///
  /// corrupt: the file is shorter than what was read of it before.
  Result<OutputBatch> read(bool complete, std::size_t max_bytes = limits::kTailRead);

  /// How large the file is now; a file that is not there yet is empty. One system call.
  [[nodiscard]] Result<std::uint64_t> size();

 private:
  void take(std::string_view bytes, OutputBatch& batch);
  void give_out(OutputBatch& batch, std::uint64_t end, bool unterminated);

  std::filesystem::path path_;
  std::size_t line_limit_;
  Fd file_;
  std::uint64_t read_;   ///< up to here the file has been read
  std::uint64_t given_;  ///< up to here lines were given out
  std::string line_;     ///< the beginning of the line at `given_`, up to the limit
};

}  // namespace reeve::proc
