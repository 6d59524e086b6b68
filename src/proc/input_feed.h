#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "base/fd.h"
#include "proc/round_files.h"

namespace reeve::proc {

/// The pipe of Input::stream: what is in the file `stdin`, as that grows, until `stdin.end` is
/// there. Never waits. Its owner ignores SIGPIPE.
class InputFeed {
 public:
  Status open(const RoundFolder& folder);

  /// The end that the CLI reads, until it has it.
  [[nodiscard]] int reader() const { return read_.get(); }
  void forget_reader() { read_.reset(); }

  [[nodiscard]] bool is_open() const { return static_cast<bool>(write_); }
  void close() { write_.reset(); }

  /// Passes on what there is; closes at the end, or when nobody reads any more.
  void feed(const RoundFolder& folder);
  /// To be polled for room; -1: nothing waits for any.
  [[nodiscard]] int waits_for() const { return waiting_ ? write_.get() : -1; }

 private:
  Fd file_;
  Fd read_;
  Fd write_;
  off_t offset_ = 0;  ///< up to here it has been passed on
  bool waiting_ = false;
};

}  // namespace reeve::proc
