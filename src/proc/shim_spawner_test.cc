#include "proc/shim_spawner.h"

#include <fcntl.h>

#include "proc/round_test_support.h"
#include "proc/test_env.h"

namespace reeve::proc {
namespace {

class ShimSpawnerTest : public RoundTest {
 protected:
  /// A round and what was heard of it.
  struct Followed {
    std::unique_ptr<Round> round;
    std::optional<Error> error;
    std::vector<OutputLine> lines;
    OutputOffsets offsets;
    int notices = 0;
    bool ended = false;

    void look() {
      ++notices;
      if (!round) return;
      bool at_end = true;
      for (const auto stream : {OutputStream::out, OutputStream::err}) {
        for (;;) {
          auto batch = round->read(stream);
          ASSERT_TRUE(batch) << batch.error().message();
          for (auto& line : batch->lines) lines.push_back(std::move(line));
          (stream == OutputStream::out ? offsets.out : offsets.err) = batch->offset;
          at_end = at_end && batch->at_end;
          if (!batch->more) break;
        }
      }
      ended = at_end && is_over(round->state().phase);
    }
    std::string text() const {
      std::string all;
      for (const auto& line : lines) all += line.text + "\n";
      return all;
    }
  };

  std::unique_ptr<ShimSpawner> spawner(bool fd_driven = false) {
    return std::make_unique<ShimSpawner>(
        env_, ShimSpawner::Options{.shim = shim_, .fd_driven = fd_driven});
  }

  /// Weak, since `followed` owns the round that owns the notice.
  static Spawner::Notice notice_to(const std::shared_ptr<Followed>& followed) {
    return [weak = std::weak_ptr(followed)] {
      if (const auto strong = weak.lock()) strong->look();
    };
  }

  std::shared_ptr<Followed> follow(Spawner& spawner, RoundSpec spec, std::string stdin_text = "") {
    auto followed = std::make_shared<Followed>();
    spawner.start({.dir = dir(),
                   .spec = std::move(spec),
                   .stdin_text = std::move(stdin_text),
                   .notice = notice_to(followed)},
                  [followed](Result<std::unique_ptr<Round>> round) {
                    if (round) {
                      followed->round = std::move(*round);
                    } else {
                      followed->error = round.error();
                    }
                  });
    EXPECT_TRUE(env_.run_until([&] { return followed->round || followed->error; }));
    return followed;
  }
  std::shared_ptr<Followed> attach(Spawner& spawner, OutputOffsets offsets = {}) {
    auto followed = std::make_shared<Followed>();
    auto round = spawner.attach({.dir = dir(), .offsets = offsets, .notice = notice_to(followed)});
    if (round) {
      followed->round = std::move(*round);
    } else {
      followed->error = round.error();
    }
    return followed;
  }
  bool ends(const std::shared_ptr<Followed>& followed) {
    return env_.run_until([&] { return followed->ended; });
  }
  bool hears(const std::shared_ptr<Followed>& followed, const std::string& text) {
    return env_.run_until([&] { return followed->text().find(text) != std::string::npos; });
  }

  TestEnv env_;
};

TEST_F(ShimSpawnerTest, TellsLinesAndTheEnd) {
  auto source = spawner();
  auto spec = script("cat; echo err >&2; printf tail; exit 3");
  spec.input = Input::file;
  const auto followed = follow(*source, spec, "one\ntwo\n");
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().phase, RoundPhase::exited);
  EXPECT_EQ(followed->round->state().exit->code, 3);
  EXPECT_EQ(followed->round->state().claim->by, "shim");
  std::vector<std::string> texts;
  for (const auto& line : followed->lines) texts.push_back(line.text);
  std::ranges::sort(texts);
  EXPECT_EQ(texts, (std::vector<std::string>{"err", "one", "tail", "two"}));
  EXPECT_EQ(followed->offsets.out, 12u);
  EXPECT_EQ(followed->offsets.err, 4u);
}

TEST_F(ShimSpawnerTest, RefusesASpecThatCannotRun) {
  auto source = spawner();
  auto spec = script("true");
  spec.cwd = "relative";
  EXPECT_TRUE(follow(*source, spec)->error->is(Errc::invalid_argument));
  EXPECT_FALSE(std::filesystem::exists(dir()));
  ASSERT_TRUE(std::filesystem::create_directory(dir()));
  EXPECT_TRUE(follow(*source, script("true"))->error->is(Errc::conflict));
}

TEST_F(ShimSpawnerTest, TellsThatTheShimCannotBeStarted) {
  shim_.program = "/no/such/shim";
  auto source = spawner();
  EXPECT_TRUE(follow(*source, script("true"))->error->is(Errc::not_found));
  EXPECT_FALSE(std::filesystem::exists(dir())) << "a folder was left behind";
}

TEST_F(ShimSpawnerTest, StopsARound) {
  auto source = spawner();
  const auto spec = script("trap '' INT TERM; echo up; while :; do sleep 0.05; done");
  const auto followed = follow(*source, spec);
  ASSERT_TRUE(hears(followed, "up"));
  ASSERT_TRUE(followed->round->stop({.reason = "cancelled"}));
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().exit->stopped->reason, "cancelled");
  EXPECT_EQ(processes_of(spec), 0u);
  EXPECT_TRUE(followed->round->stop({.reason = "again"})) << "too late is no error";
}

TEST_F(ShimSpawnerTest, AStopRightAfterTheStartEndsTheRound) {
  auto source = spawner();
  const auto followed = follow(*source, script("sleep 300"));
  ASSERT_TRUE(followed->round->stop({.reason = "cancelled", .urgency = Urgency::now}));
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().exit->stopped->reason, "cancelled");
}

TEST_F(ShimSpawnerTest, TalksBothWays) {
  auto source = spawner();
  auto spec = script("while read line; do echo \"got $line\"; done; echo end");
  spec.input = Input::stream;
  const auto followed = follow(*source, spec, "one\n");
  ASSERT_TRUE(hears(followed, "got one"));
  ASSERT_TRUE(followed->round->write_input("two\n"));
  ASSERT_TRUE(hears(followed, "got two"));
  ASSERT_TRUE(followed->round->end_input());
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->text(), "got one\ngot two\nend\n");
}

TEST_F(ShimSpawnerTest, G12_ARoundOutlivesItsDaemonAndNoOutputIsLost) {
  OutputOffsets committed;
  {
    auto source = spawner();
    auto spec = script("echo before; while ! [ -e go ]; do sleep 0.02; done; echo after; exit 4");
    const auto followed = follow(*source, spec);
    ASSERT_TRUE(hears(followed, "before"));
    committed = followed->offsets;
    followed->round.reset();  // the daemon ends here, as far as the round can tell
  }
  EXPECT_EQ(phase(), RoundPhase::alive);
  auto source = spawner();
  const auto followed = attach(*source, committed);
  ASSERT_TRUE(followed->round);
  EXPECT_EQ(followed->round->state().phase, RoundPhase::alive);
  std::ofstream(root_ / "go") << "";
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->text(), "after\n");
  EXPECT_EQ(followed->round->state().exit->code, 4);
}

TEST_F(ShimSpawnerTest, G12_ARoundThatEndedWhileTheDaemonWasAwayIsReadToItsEnd) {
  EXPECT_EQ(run(script("echo one; echo two; exit 1")).code, 1);
  auto source = spawner();
  const auto followed = attach(*source, {.out = 4});
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->text(), "two\n");
  EXPECT_EQ(followed->round->state().exit->code, 1);
}

TEST_F(ShimSpawnerTest, G7_ARoundWhoseShimNeverCameIsLost) {
  auto folder = RoundFolder::create(dir());
  ASSERT_TRUE(folder->write_spec(script("echo ran")));
  auto source = spawner();
  const auto followed = attach(*source);
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().phase, RoundPhase::lost);
  EXPECT_EQ(inspect(dir()).value().claim->by, "daemon");
}

TEST_F(ShimSpawnerTest, G7_ARoundWhoseSpecWasNeverWrittenIsLost) {
  ASSERT_TRUE(RoundFolder::create(dir()));
  auto source = spawner();
  const auto followed = attach(*source);
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().phase, RoundPhase::lost);
}

TEST_F(ShimSpawnerTest, G7_AKilledShimIsNoticedAndNothingOfItsRoundStaysAlive) {
  auto source = spawner();
  const auto spec = script(
      "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.05; done' & "
      "sleep 300");
  const auto followed = follow(*source, spec);
  ASSERT_TRUE(hears(followed, "up"));
  ASSERT_TRUE(env_.run_until([&] { return followed->round->state().phase == RoundPhase::alive; }));
  const auto shim = followed->round->state().claim->shim;
  ASSERT_TRUE(signal_process(shim, SIGKILL));
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().phase, RoundPhase::lost);
  EXPECT_EQ(processes_of(spec), 0u);
  EXPECT_FALSE(read_process(static_cast<pid_t>(shim.pid))) << "its zombie was not reaped";
}

TEST_F(ShimSpawnerTest, G7_ARoundThatCannotBeUnderstoodIsLostAndNothingOfItStaysAlive) {
  using Files = std::vector<std::string>;
  for (const auto& files : {Files{"claim"}, {"claim", "spec.json"}, {"exit.json"}}) {
    SCOPED_TRACE(files.back());
    // A process that has left its group and session, too.
    const auto spec = script("setsid sleep 1000 & echo ready; exec sleep 1000");
    const auto shim = start(spec);
    ASSERT_TRUE(says("ready"));
    // One that is just executing a program shows no environment.
    ASSERT_TRUE(env_.run_until([&] { return processes_of(spec) >= 2U; }));
    for (const auto& file : files)
      std::ofstream(dir() / file) << R"({"version":99,"mark":")" + spec.mark + "\"}";
    const auto spawner = this->spawner();
    const auto followed = attach(*spawner);
    ASSERT_TRUE(followed->round) << followed->error->message();
    ASSERT_TRUE(ends(followed));
    EXPECT_EQ(followed->round->state().phase, RoundPhase::lost);
    EXPECT_EQ(followed->text(), "ready\n");
    EXPECT_EQ(processes_of(spec), 0U);
    join(shim);
    followed->round.reset();
    std::filesystem::remove_all(dir());
  }
}

TEST_F(ShimSpawnerTest, AShimThatDiesBeforeItsClaimIsLost) {
  shim_.program = "/bin/false";
  auto source = spawner();
  const auto followed = follow(*source, script("echo ran"));
  ASSERT_TRUE(ends(followed));
  EXPECT_EQ(followed->round->state().phase, RoundPhase::lost);
}

TEST_F(ShimSpawnerTest, LeavesNoZombieOfARoundThatItLetGoOf) {
  auto source = spawner();
  const auto followed = follow(*source, script("echo up; sleep 0.2"));
  ASSERT_TRUE(hears(followed, "up"));
  ASSERT_TRUE(env_.run_until([&] { return followed->round->state().claim.has_value(); }));
  const auto shim = static_cast<pid_t>(followed->round->state().claim->shim.pid);
  followed->round.reset();
  EXPECT_TRUE(env_.run_until([&] { return !read_process(shim); }));
  EXPECT_EQ(phase(), RoundPhase::exited);
}

TEST_F(ShimSpawnerTest, ANoticeMayDestroyItsRound) {
  auto source = spawner();
  auto followed = std::make_shared<Followed>();
  int notices = 0;
  source->start({.dir = dir(),
                 .spec = script("echo one; sleep 0.1; echo two"),
                 .notice =
                     [&notices, followed] {
                       ++notices;
                       followed->round.reset();
                     }},
                [followed](Result<std::unique_ptr<Round>> round) {
                  followed->round = std::move(round.value());
                });
  ASSERT_TRUE(env_.run_until([&] { return notices > 0 && !followed->round; }));
  EXPECT_TRUE(env_.run_until([&] { return phase() == RoundPhase::exited; }));
  EXPECT_EQ(notices, 1);
}

TEST_F(ShimSpawnerTest, DescriptorsTellSoonerThanTimers) {
  auto source = spawner(/*fd_driven=*/true);
  auto spec = script("read line; echo one; read line; echo two");
  spec.input = Input::stream;
  const auto followed = follow(*source, spec);
  int dispatched = 0;
  const auto wait_for = [&](const std::function<bool()>& done) {
    return env_.run_until(done, 20s, source->ready_fd(), [&] {
      ++dispatched;
      source->dispatch();
    });
  };
  ASSERT_TRUE(followed->round->write_input("\n"));
  ASSERT_TRUE(wait_for([&] { return followed->text() == "one\n"; }));
  ASSERT_TRUE(followed->round->write_input("\n"));
  ASSERT_TRUE(wait_for([&] { return followed->ended; }));
  EXPECT_EQ(followed->text(), "one\ntwo\n");
  EXPECT_GE(dispatched, 2);
}

TEST_F(ShimSpawnerTest, ManyRoundsAtATimeKeepApart) {
  auto source = spawner();
  constexpr int kRounds = 12;
  std::vector<std::shared_ptr<Followed>> rounds;
  const auto home = root_;
  for (int i = 0; i < kRounds; ++i) {
    root_ = home / std::to_string(i);
    std::filesystem::create_directory(root_);
    rounds.push_back(follow(*source, script("for n in 1 2 3; do echo " + std::to_string(i) +
                                            "-$n; sleep 0.02; done; exit " + std::to_string(i))));
  }
  root_ = home;
  for (int i = 0; i < kRounds; ++i) {
    const auto& followed = rounds[static_cast<std::size_t>(i)];
    ASSERT_TRUE(ends(followed)) << i;
    const auto name = std::to_string(i);
    EXPECT_EQ(followed->text(), name + "-1\n" + name + "-2\n" + name + "-3\n");
    EXPECT_EQ(followed->round->state().exit->code, i);
  }
}

}  // namespace
}  // namespace reeve::proc
