#include "run/fake_spawner.h"

#include <fstream>
#include <stdexcept>

#include "proc/output_tail.h"

namespace reeve::run::testing {

class FakeSpawner::FakeRound final : public proc::Round {
 public:
  FakeRound(FakeSpawner& machine, RunId run, proc::OutputOffsets from, Notice notice)
      : machine_(machine),
        run_(run),
        notice_(std::make_shared<Notice>(std::move(notice))),
        out_(me().dir / "out", {.offset = from.out}),
        err_(me().dir / "err", {.offset = from.err}) {
    machine_.rounds_[run_] = notice_;
  }
  ~FakeRound() override { machine_.rounds_.erase(run_); }

  [[nodiscard]] const proc::RoundState& state() const override {
    return machine_.processes_.at(run_).state;
  }
  Result<proc::OutputBatch> read(proc::OutputStream stream, std::size_t max_bytes) override {
    if (me().reading_throws) throw std::runtime_error("the test says so");
    auto& tail = stream == proc::OutputStream::out ? out_ : err_;
    return tail.read(proc::is_over(me().state.phase), max_bytes);
  }
  Status stop(const proc::StopRequest& request) override {
    if (me().stop_fails) return fail(*me().stop_fails);
    me().stops.push_back(request);
    return {};
  }
  Status write_input(std::string_view) override { return {}; }
  Status end_input() override { return {}; }

 private:
  [[nodiscard]] Process& me() { return machine_.processes_.at(run_); }

  FakeSpawner& machine_;
  RunId run_;
  std::shared_ptr<Notice> notice_;
  proc::OutputTail out_;
  proc::OutputTail err_;
};

void FakeSpawner::release() {
  hold = false;
  for (auto& held : std::exchange(held_, {})) held();
}

void FakeSpawner::end(proc::Exit exit, int index) {
  auto& process = this->process(index);
  if (!process.stops.empty() && !exit.stopped)
    exit.stopped = proc::Stopped{process.stops.front().reason, std::nullopt};
  process.state.phase = proc::RoundPhase::exited;
  process.state.exit = exit;
  tell(run_at(index));
}

void FakeSpawner::lose(int index) {
  process(index).state.phase = proc::RoundPhase::lost;
  tell(run_at(index));
}

void FakeSpawner::start(Start start,
                        std::move_only_function<void(Result<std::unique_ptr<proc::Round>>)> done) {
  auto answer = [this, s = std::move(start), d = std::move(done)]() mutable {
    if (refuse) return d(fail(*refuse));
    std::filesystem::create_directories(s.dir);
    std::ofstream(s.dir / "out").flush();
    std::ofstream(s.dir / "err").flush();
    const auto run = s.spec.run;
    Process process;
    process.spec = std::move(s.spec);
    process.stdin_text = std::move(s.stdin_text);
    process.dir = s.dir;
    process.state.phase = proc::RoundPhase::alive;
    process.state.claim = proc::Claim();
    process.state.claim->child = proc::ProcessRef();
    processes_.emplace(run, std::move(process));
    order_.push_back(run);
    d(std::make_unique<FakeRound>(*this, run, proc::OutputOffsets(), std::move(s.notice)));
  };
  if (hold) {
    held_.emplace_back(std::move(answer));
  } else {
    env_.defer(std::move(answer));
  }
}

Result<std::unique_ptr<proc::Round>> FakeSpawner::attach(Attach attach) {
  const auto run = RunId::parse(attach.dir.filename().string());
  if (!run || !processes_.contains(*run)) return fail(Errc::not_found, "no such folder");
  ++processes_.at(*run).attached;
  auto round = std::make_unique<FakeRound>(*this, *run, attach.offsets, std::move(attach.notice));
  tell(*run);
  return round;
}

void FakeSpawner::append(const char* stream, std::string_view text, int index) {
  std::ofstream file(process(index).dir / stream, std::ios::app | std::ios::binary);
  file << text;
  file.close();
  tell(run_at(index));
}

void FakeSpawner::tell(const RunId& run) {
  const auto round = rounds_.find(run);
  if (round == rounds_.end()) return;
  env_.defer([notice = std::weak_ptr(round->second)] {
    if (const auto there = notice.lock()) (*there)();
  });
}

}  // namespace reeve::run::testing
