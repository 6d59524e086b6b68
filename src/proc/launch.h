#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "proc/round_files.h"

namespace reeve::proc {

/// A process that exists and waits: it has its number, and runs the program once it is told to.
/// Destroying it unreleased ends it; so does the death of this process.
///
/// Only for a process with one thread, since it forks: the shim.
class HeldChild {
 public:
  struct Streams {
    int in = -1;
    int out = -1;
    int err = -1;
  };
  /// Forks. In the child: a process group of its own, SIGKILL when the shim dies, default signals,
  /// and no descriptors but the three.
  static Result<HeldChild> fork(const RoundSpec& spec, const Streams& streams);

  HeldChild(HeldChild&&) = default;
  HeldChild& operator=(HeldChild&&) = delete;
  ~HeldChild();

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Lets it run the program; returns once that runs. not_found: no such program or working
  /// directory; denied; too_large: argv and environment; unsupported: no program for this machine.
  Status release();

 private:
  HeldChild(pid_t pid, Fd go, Fd failure)
      : pid_(pid), go_(std::move(go)), failure_(std::move(failure)) {}

  void reap() const;

  pid_t pid_ = -1;
  Fd go_;       ///< a byte here lets it run, end of file ends it
  Fd failure_;  ///< it writes here why it could not run; end of file: it runs
  std::string program_;
  std::string cwd_;
};

/// The paths to try for `program`, in order: itself if it has a slash, else one for each folder of
/// `path`. A blank folder is the working directory, as everywhere.
std::vector<std::string> program_paths(const std::string& program, std::string_view path);

}  // namespace reeve::proc
