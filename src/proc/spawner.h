#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "proc/output_tail.h"
#include "proc/round_files.h"
#include "proc/rounds.h"

namespace reeve::proc {

enum class OutputStream { out, err };

/// How far a round's output has been read, and committed.
struct OutputOffsets {
  std::uint64_t out = 0;
  std::uint64_t err = 0;
};

/// One CLI round as its daemon sees it. Destroying it lets go of the round, which goes on.
class Round {
 public:
  virtual ~Round() = default;

  /// As of the last notice. `exited` and `lost` are final, and are said only when no process of the
  /// round is left: then read() gives the rest of the output.
  [[nodiscard]] virtual const RoundState& state() const = 0;

  /// The complete lines behind those that were read before, at most `max_bytes` of the file.
  /// `at_end` in the answer: the round is over and this stream is read to its end.
  ///
  /// corrupt: the file is shorter than before.
  virtual Result<OutputBatch> read(OutputStream stream,
                                   std::size_t max_bytes = limits::kTailRead) = 0;

  /// Begins to end the round; that it has ended is told by a notice. Again and more urgent:
  /// hurries.
  virtual Status stop(const StopRequest& request) = 0;

  /// For Input::stream: adds to what the CLI reads, and ends it.
  virtual Status write_input(std::string_view bytes) = 0;
  virtual Status end_input() = 0;
};

/// Where child processes come from. The one way for the program to start any, so that a simulation
/// can stand in.
///
/// All of it is called, and calls back, on the domain thread, and waits for no process. A Spawner
/// outlives the Rounds that it gave out.
class Spawner {
 public:
  virtual ~Spawner() = default;

  /// Told when there is something new to look at: output, or another state. Always from a clean
  /// stack (Env::defer), never after its Round is gone; many changes may be one notice. Whoever is
  /// told reads until `more` is false.
  using Notice = std::move_only_function<void()>;

  struct Start {
    std::filesystem::path dir;  ///< must not exist; its parent must
    RoundSpec spec;
    std::string stdin_text;
    Notice notice;
  };
  /// Begins a round (start_round's errors). Its CLI runs a little later, or turns out not to start,
  /// which is an Exit with a spawn_error.
  ///
  /// To be called when the RunStarted is committed: a crash right after leaves a folder that
  /// attach() settles.
  virtual void start(Start start,
                     std::move_only_function<void(Result<std::unique_ptr<Round>>)> done) = 0;

  struct Attach {
    std::filesystem::path dir;
    OutputOffsets offsets;  ///< from where to go on reading
    Notice notice;
  };
  /// Takes up a round of an earlier daemon. One that nobody has claimed is forestalled. One whose
  /// shim is gone, or whose folder cannot be understood (of a newer version, damaged), is hunted:
  /// it ends as `lost`. A notice follows in any case.
  ///
  /// not_found: no such folder.
  virtual Result<std::unique_ptr<Round>> attach(Attach attach) = 0;
};

}  // namespace reeve::proc
