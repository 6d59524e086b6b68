#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "proc/process.h"

/// A round on disk: one folder, 0700, in which the daemon and the shim tell each other everything
/// (docs/formats/rounds.md). No file is ever changed once it can be seen, but `out`, `err` and
/// `stdin` grow.
namespace reeve::proc {

/// The version that this program writes. It reads every version up to it.
inline constexpr int kRoundVersion = 1;
/// The variable that carries a round's mark into each of its processes.
inline constexpr std::string_view kMarkVariable = "REEVE_ROUND";

/// What the CLI reads on its standard input.
enum class Input {
  none,    ///< /dev/null
  file,    ///< the file `stdin` itself
  stream,  ///< a pipe: the file `stdin` as it grows, until `stdin.end` is there or a stop closes it
};
BOOST_DESCRIBE_ENUM(Input, none, file, stream)

/// The ways to end a round, from gentle to certain.
enum class StopAction {
  close_input,  ///< closes the pipe of Input::stream
  interrupt,    ///< SIGINT to the CLI's process group
  terminate,    ///< SIGTERM to every process of the round
  kill,         ///< SIGKILL to every process of the round, again until all are gone
};
BOOST_DESCRIBE_ENUM(StopAction, close_input, interrupt, terminate, kill)

/// One stage of a stop, and how long it may take before the next one. After the last comes `kill`.
struct StopStage {
  StopAction action = StopAction::terminate;
  Duration grace{5000};

  friend bool operator==(const StopStage&, const StopStage&) = default;
};
BOOST_DESCRIBE_STRUCT(StopStage, (), (action, grace))

/// What a shim is to run. It holds secrets (the environment), so its file is 0600.
struct RoundSpec {
  int version = kRoundVersion;
  RunId run;
  std::int64_t epoch = 0;
  /// Unguessable; carried as REEVE_ROUND=mark by every process of the round, which finds them
  /// should the shim be lost.
  std::string mark;
  std::vector<std::string> argv;  ///< argv[0] is looked up in env's PATH unless it has a slash
  std::map<std::string, std::string> env;
  std::string cwd;  ///< absolute
  Input input = Input::none;
  std::uint64_t output_limit = limits::kRoundOutput;  ///< bytes of `out` and `err` together
  std::optional<Duration> time_limit;                 ///< of the whole round
  std::vector<StopStage> stop{{StopAction::interrupt, Duration(5000)},
                              {StopAction::terminate, Duration(5000)}};
  Duration settle{500};   ///< what descendants get to end by themselves after the CLI did
  Duration linger{2000};  ///< between their SIGTERM and their SIGKILL then
};
BOOST_DESCRIBE_STRUCT(RoundSpec, (),
                      (version, run, epoch, mark, argv, env, cwd, input, output_limit, time_limit,
                       stop, settle, linger))
/// invalid_argument: what no shim could run (no argv, a NUL, a relative cwd, a short mark);
/// unsupported: of a newer version.
Status check(const RoundSpec& spec);

/// Who answers for the round. `by` is "shim" or, where a recovering daemon was first, "daemon".
struct Claim {
  int version = kRoundVersion;
  std::string by = "shim";
  ProcessRef shim;
  std::optional<ProcessRef> child;  ///< the CLI
  std::string boot_id;
  Time at{};
};
BOOST_DESCRIBE_STRUCT(Claim, (), (version, by, shim, child, boot_id, at))

enum class Urgency {
  gentle,  ///< the stages of the spec, one after the other
  now,     ///< kill at once, also in the midst of a gentle stop
};
BOOST_DESCRIBE_ENUM(Urgency, gentle, now)

struct StopRequest {
  int version = kRoundVersion;
  std::string reason;  ///< e.g. "cancelled"; comes back in Exit
  Urgency urgency = Urgency::gentle;
};
BOOST_DESCRIBE_STRUCT(StopRequest, (), (version, reason, urgency))

/// Why the CLI could not be started.
struct SpawnError {
  std::string code;  ///< the name of an Errc: not_found, denied, ...
  std::string text;
};
BOOST_DESCRIBE_STRUCT(SpawnError, (), (code, text))

/// The round was told to stop. It may have ended by itself all the same.
struct Stopped {
  std::string reason;                 ///< of the request; or output_limit, time_limit, signal
  std::optional<StopAction> reached;  ///< the last stage that was needed; absent: none
};
BOOST_DESCRIBE_STRUCT(Stopped, (), (reason, reached))

/// What the whole round used.
struct ResourceUse {
  Duration user_time{};
  Duration system_time{};
  std::int64_t max_rss_kb = 0;  ///< of its largest process
};
BOOST_DESCRIBE_STRUCT(ResourceUse, (), (user_time, system_time, max_rss_kb))

/// How a round ended. Once it can be read, every process of the round has ended and its output is
/// complete and on disk.
struct Exit {
  int version = kRoundVersion;
  std::optional<int> code;                ///< the CLI called exit()
  std::optional<int> signal;              ///< the CLI was ended by this signal
  std::optional<SpawnError> spawn_error;  ///< it never ran
  std::optional<Stopped> stopped;
  std::uint64_t out_bytes = 0;
  std::uint64_t err_bytes = 0;
  std::int64_t lingering = 0;  ///< processes left behind by the CLI that had to be ended
  std::int64_t survivors = 0;  ///< processes that could not be ended (another user's, or stuck)
  Time started_at{};
  Time ended_at{};
  ResourceUse used;
};
BOOST_DESCRIBE_STRUCT(Exit, (),
                      (version, code, signal, spawn_error, stopped, out_bytes, err_bytes, lingering,
                       survivors, started_at, ended_at, used))

/// An open round's folder. All access goes through its descriptor, so the path's length and later
/// renames do not matter.
///
/// Every reader: not_found: the file is not there (yet); corrupt: it is not what was written;
/// unsupported: a newer version wrote it. Every writer: storage_full and its kin.
class RoundFolder {
 public:
  /// Makes the folder with empty `out` and `err`. conflict: it exists.
  static Result<RoundFolder> create(const std::filesystem::path& dir);
  static Result<RoundFolder> open(const std::filesystem::path& dir);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Opens a file of the folder, made 0600 where `flags` make it; never inherited.
  [[nodiscard]] Result<Fd> open_file(const char* name, int flags) const;

  [[nodiscard]] Result<RoundSpec> spec() const;
  /// The spec's mark, also where the rest of it is of a newer version or makes no sense.
  [[nodiscard]] Result<std::string> mark() const;
  [[nodiscard]] Status write_spec(const RoundSpec& spec) const;
  /// Replaces the standard input.
  [[nodiscard]] Status write_stdin(std::string_view text) const;

  [[nodiscard]] Result<Claim> claim() const;
  /// Takes the round: a locked file that appears complete or not at all. It is held for as long as
  /// the descriptor lives. conflict: somebody took it before.
  [[nodiscard]] Result<Fd> take(const Claim& claim) const;
  /// The claim's holder is alive. not_found: there is no claim.
  [[nodiscard]] Result<bool> is_held() const;

  [[nodiscard]] Result<StopRequest> stop_request() const;
  [[nodiscard]] Status write_stop(const StopRequest& request) const;

  [[nodiscard]] Result<Exit> exit() const;
  /// Sets room aside, so that a full disk cannot keep the exit status from being written.
  [[nodiscard]] Status reserve_exit() const;
  /// On disk when it returns, and seen only when complete.
  [[nodiscard]] Status write_exit(const Exit& exit) const;

 private:
  explicit RoundFolder(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace reeve::proc
