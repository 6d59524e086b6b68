#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "proc/output_tail.h"
#include "proc/spawner.h"

/// Not part of the library.
namespace reeve::run::testing {

/// A machine whose processes do what a test says. What it keeps outlives the daemons of a test, as
/// real rounds do; their output lies in real files and is read by the real OutputTail.
class FakeSpawner final : public proc::Spawner {
 public:
  /// A process of the machine.
  struct Process {
    proc::RoundSpec spec;
    std::string stdin_text;
    std::filesystem::path dir;
    proc::RoundState state;
    std::vector<proc::StopRequest> stops;
    int attached = 0;  ///< how often a later daemon took it up
    bool reading_throws = false;
    std::optional<Error> stop_fails;
  };

  explicit FakeSpawner(Env& env) : env_(env) {}

  // --- What a test controls ---

  /// From now on start() fails like this.
  std::optional<Error> refuse;
  /// While set, start() answers only at release().
  bool hold = false;
  void release();
  [[nodiscard]] std::size_t held() const { return held_.size(); }

  [[nodiscard]] std::size_t started() const { return order_.size(); }
  /// The process that was started as number `index`, from 0; negative: from the last one.
  Process& process(int index = -1) { return processes_.at(run_at(index)); }
  RunId run_at(int index = -1) const {
    const auto at = index < 0 ? order_.size() - static_cast<std::size_t>(-index)
                              : static_cast<std::size_t>(index);
    return order_.at(at);
  }

  void out(std::string_view text, int index = -1) { append("out", text, index); }
  void err(std::string_view text, int index = -1) { append("err", text, index); }
  void exit(int code, int index = -1) {
    proc::Exit exit;
    exit.code = code;
    end(exit, index);
  }
  void end(proc::Exit exit, int index = -1);
  void lose(int index = -1);

  // --- Spawner ---

  void start(Start start,
             std::move_only_function<void(Result<std::unique_ptr<proc::Round>>)> done) override;

  Result<std::unique_ptr<proc::Round>> attach(Attach attach) override;

 private:
  class FakeRound;

  void append(const char* stream, std::string_view text, int index);
  /// From a clean stack, and never once the round is gone.
  void tell(const RunId& run);

  Env& env_;
  std::map<RunId, Process> processes_;
  std::vector<RunId> order_;
  std::map<RunId, std::shared_ptr<Notice>> rounds_;
  std::vector<std::move_only_function<void()>> held_;
};

}  // namespace reeve::run::testing
