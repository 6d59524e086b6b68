#pragma once

#include <filesystem>

namespace reeve::proc {

/// How `reeve shim DIR` ends.
enum class ShimEnd : int {
  done = 0,     ///< the round ended and its exit.json says how
  failed = 1,   ///< there was no round to run, or nothing could be written
  gave_up = 3,  ///< somebody else has claimed the round
};

/// Runs the round in `round_dir` from its claim to its exit status (docs/formats/rounds.md), and
/// returns when every process of it has ended.
///
/// Takes over the whole process: session, signals, standard streams, open files. Call it from a
/// main that has done nothing yet and has one thread.
int run_shim(const std::filesystem::path& round_dir);

}  // namespace reeve::proc
