#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/time.h"

namespace reeve::store::sqlite {

/// The file beside the database that makes one process its only writer, and remembers what the
/// database looked like, so that a restored backup is known for one.
///
/// Locked with flock for as long as this lives; a killed process leaves it free.
class LockFile {
 public:
  /// `by`: what others are told of us; empty: a daemon. conflict: another process (or another store
  /// of this one) holds it; the text names it.
  static Result<LockFile> take(const std::string& path, Time now, std::string_view by = {});

  /// Which file, and up to where its log went.
  struct Memory {
    std::string log;   ///< the log's id
    std::string file;  ///< identity of the database's file: inode and birth
    std::uint64_t head = 0;
  };
  /// What the last holder noted; nothing: there was none, or it is not readable.
  [[nodiscard]] const std::optional<Memory>& last() const { return last_; }
  /// Writes who holds it and what it holds.
  Status note(const Memory& memory);
  /// The head alone, at every group: a lower bound of what the database must have.
  void note_head(Position head);

 private:
  LockFile(Fd fd, Time since, std::string_view by) : fd_(std::move(fd)), since_(since), by_(by) {}
  Fd fd_;
  Time since_{};
  std::string by_;
  std::optional<Memory> last_;
  std::string front_;
};

/// What whoever has that file locked, or had it last, said of itself (`by`); empty: a daemon.
std::string holder_in(const std::string& path);

/// "inode.birth" of a file; empty: there is none.
std::string file_identity(const std::string& path);

}  // namespace reeve::store::sqlite
