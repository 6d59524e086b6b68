#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "proc/hunt.h"
#include "proc/round_files.h"

/// The daemon's side of a round: start it, look at it, stop it. Plain functions over the round's
/// folder, so they serve a daemon that has just been started as well as the one that began the
/// round. They touch the disk and wait for nothing else.
namespace reeve::proc {

/// What is run as the shim: `program arguments... DIR`.
struct ShimProgram {
  /// This very program, also after its file was replaced by an upgrade.
  std::filesystem::path program = "/proc/self/exe";
  std::vector<std::string> arguments{"shim"};
};

/// Makes the round's folder and starts its shim, which is a child of this process in a session of
/// its own, with no open files and next to no environment. Returns its number; whoever called must
/// reap it (reap_shim) when it ends. A folder whose shim could not be started is removed.
///
/// conflict: the folder exists; invalid_argument, too_large: see check(RoundSpec); storage_full.
Result<pid_t> start_round(const std::filesystem::path& dir, const RoundSpec& spec,
                          std::string_view stdin_text, const ShimProgram& shim = {});
/// Reaps the shim if it is a child that has ended; else does nothing. Never waits.
void reap_shim(pid_t pid);

enum class RoundPhase {
  no_claim,  ///< nobody answers for it: its shim is about to, or never will
  alive,
  exited,  ///< `exit` says how; its output is complete
  lost,    ///< its shim ended without a word: killed, or the machine went down
};
BOOST_DESCRIBE_ENUM(RoundPhase, no_claim, alive, exited, lost)
[[nodiscard]] inline bool is_over(RoundPhase phase) {
  return phase == RoundPhase::exited || phase == RoundPhase::lost;
}

struct RoundState {
  RoundPhase phase = RoundPhase::no_claim;
  std::optional<Claim> claim;
  std::optional<Exit> exit;
};

/// not_found: no such folder; unsupported: a newer version wrote it; corrupt.
Result<RoundState> inspect(const std::filesystem::path& dir);
/// Claims a round that nobody has claimed, so that a shim which comes late gives up. Returns how
/// the round stands then: `lost`, unless the shim was faster.
Result<RoundState> forestall(const std::filesystem::path& dir);

/// Asks the shim to end the round, and wakes it. Before there is a shim, it keeps the CLI from
/// being run. A second request may only be more urgent. Requests for a round that is over do
/// nothing.
Status request_stop(const std::filesystem::path& dir, const StopRequest& request);

/// For Input::stream: adds to what the CLI reads.
Status append_input(const std::filesystem::path& dir, std::string_view bytes);
/// For Input::stream: after what was written comes the end.
Status end_input(const std::filesystem::path& dir);

/// A pidfd of the round's shim: readable when it has ended. not_found: it has.
Result<Fd> watch_shim(const Claim& claim);
/// Kills what a lost round left running: by its mark, and by its claim where that is of this boot.
/// Never call it for a round that is alive, but where nobody can tell and its end is wanted.
Result<Hunted> hunt_round(const std::filesystem::path& dir);

/// Removes the folder of a round that is over. conflict: it is not.
Status remove_round(const std::filesystem::path& dir);

}  // namespace reeve::proc
