// How a shim ends what it runs, and who may run a round at all. (shim_test.cc: how it runs.)
#include "proc/shim.h"

#include "proc/round_test_support.h"

namespace reeve::proc {
namespace {

class ShimStop : public RoundTest {};

StopRequest cancel(Urgency urgency = Urgency::gentle) {
  return {.reason = "cancelled", .urgency = urgency};
}

// --- the whole tree ends
// --------------------------------------------------------------------------

TEST_F(ShimStop, EndsWhatTheProgramLeftInASessionOfItsOwn) {
  const auto spec = script("setsid sleep 300 & echo $!");
  const auto exit = run(spec);
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(exit.lingering, 1);
  EXPECT_EQ(processes_of(spec), 0u);
}

TEST_F(ShimStop, EndsADaemonThatForkedTwiceAndIgnoresSigterm) {
  const auto spec = script(
      "(setsid sh -c 'trap \"\" TERM INT HUP; echo up; while :; do sleep 1; done' &) ; "
      "while ! grep -q up /proc/self/fd/1; do :; done; exit 3");
  const auto exit = run(spec);
  EXPECT_EQ(exit.code, 3);
  EXPECT_GE(exit.lingering, 1);
  EXPECT_EQ(exit.survivors, 0);
  EXPECT_EQ(processes_of(spec), 0u);
}

TEST_F(ShimStop, EndsADescendantThatClearedItsEnvironment) {
  const auto spec = script("env -i setsid sleep 300 & sleep 0.05; echo $!");
  const auto exit = run(spec);
  const auto pid = static_cast<pid_t>(std::stol(out()));
  EXPECT_FALSE(read_process(pid)) << "left running";
  EXPECT_EQ(exit.lingering, 1);
}

TEST_F(ShimStop, DoesNotTakeAZombieForAlive) {
  // The program's child ends at once and is never waited for.
  const auto spec = script("sh -c 'exit 0' & exec sleep 0.2");
  const auto exit = run(spec);
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(exit.lingering, 0);
}

TEST_F(ShimStop, WaitsForAHelperThatEndsByItself) {
  auto spec = script("(sleep 0.2; echo late) & echo early");
  spec.settle = Duration(20000);
  const auto exit = run(spec);
  EXPECT_EQ(out(), "early\nlate\n");
  EXPECT_EQ(exit.lingering, 0);
}

// --- stopping
// -------------------------------------------------------------------------------------

TEST_F(ShimStop, StopsGentlyWhereThatIsEnough) {
  auto spec = script("trap 'echo bye; exit 5' INT; echo up; while :; do sleep 0.05; done");
  spec.stop[0].grace = Duration(20000);
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  EXPECT_EQ(join(shim), 0);
  const auto exit = finished();
  EXPECT_EQ(exit.code, 5);
  ASSERT_TRUE(exit.stopped);
  EXPECT_EQ(exit.stopped->reason, "cancelled");
  EXPECT_EQ(exit.stopped->reached, StopAction::interrupt);
  EXPECT_EQ(out(), "up\nbye\n");
}

TEST_F(ShimStop, ClosesTheInputFirstWhereThatIsAStage) {
  auto spec = script("echo up; cat; echo closed");
  spec.input = Input::stream;
  spec.stop = {{StopAction::close_input, Duration(20000)}};
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(finished().stopped->reached, StopAction::close_input);
  EXPECT_EQ(out(), "up\nclosed\n");
}

TEST_F(ShimStop, KillsAProgramThatIgnoresEverySignal) {
  const auto spec = script("trap '' INT TERM; echo up; while :; do sleep 0.05; done");
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  EXPECT_EQ(join(shim), 0);
  const auto exit = finished();
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_EQ(exit.stopped->reached, StopAction::kill);
  EXPECT_EQ(processes_of(spec), 0u);
}

TEST_F(ShimStop, EndsTheChildThatALauncherLeavesBehindWhenStopped) {
  const auto spec = script(
      "sh -c 'trap \"\" INT TERM; echo up; while :; do sleep 0.05; done' & "
      "trap 'exit 0' INT; while :; do sleep 0.05; done");
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(finished().survivors, 0);
  EXPECT_EQ(processes_of(spec), 0u);
}

TEST_F(ShimStop, StopsAProcessThatIsSuspended) {
  auto spec = script("trap 'echo bye; exit 4' TERM; echo up; kill -STOP $$; sleep 1");
  spec.stop = {{StopAction::terminate, Duration(20000)}};
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(finished().code, 4);
}

TEST_F(ShimStop, SignalsAProgramThatLeftItsGroup) {
  // A shell with job control moves its jobs about; perl moves itself.
  auto spec = program({"perl", "-e",
                       "$SIG{INT} = sub { exit 6 }; $| = 1; my $p = fork(); "
                       "if (!$p) { setpgrp(0, 0); sleep 300 } select(undef, undef, undef, 0.01) "
                       "until getpgrp($p) == $p; "
                       "setpgrp(0, $p); print \"up\\n\"; sleep 300 while 1"});
  spec.stop[0].grace = Duration(20000);
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(finished().code, 6);
  EXPECT_EQ(processes_of(spec), 0u);
}

TEST_F(ShimStop, HurriesWhenAskedAgain) {
  auto spec = script("trap '' INT TERM; echo up; while :; do sleep 0.05; done");
  spec.stop = {{StopAction::interrupt, Duration(3600'000)}};
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  ASSERT_TRUE(request_stop(dir(), {.reason = "later", .urgency = Urgency::now}));
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(finished().signal, SIGKILL);
  EXPECT_EQ(finished().stopped->reason, "cancelled") << "the first reason is the reason";
}

TEST_F(ShimStop, TakesATermSignalForAStopRequest) {
  const auto shim = start(script("echo up; sleep 300"));
  ASSERT_TRUE(says("up"));
  ::kill(shim, SIGTERM);
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(finished().stopped->reason, "signal");
}

TEST_F(ShimStop, IgnoresASignalThatATerminalSends) {
  const auto shim = start(script("echo up; sleep 0.3; echo done"));
  ASSERT_TRUE(says("up"));
  for (const int number : {SIGINT, SIGHUP, SIGPIPE, SIGUSR1}) ::kill(shim, number);
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(out(), "up\ndone\n");
  EXPECT_FALSE(finished().stopped);
}

TEST_F(ShimStop, NeverRunsAProgramThatWasStoppedBefore) {
  auto folder = RoundFolder::create(dir());
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->write_spec(script("echo ran")));
  ASSERT_TRUE(request_stop(dir(), cancel()));
  ASSERT_EQ(::system((shim_.program.string() + " " + dir().string()).c_str()), 0);
  const auto exit = finished();
  EXPECT_EQ(exit.stopped->reason, "cancelled");
  EXPECT_FALSE(exit.stopped->reached);
  EXPECT_FALSE(exit.code);
  EXPECT_FALSE(exit.signal);
  EXPECT_EQ(out(), "");
}

TEST_F(ShimStop, StopsARoundThatWritesTooMuch) {
  auto spec = script("exec yes");
  spec.output_limit = 100'000;
  const auto exit = run(spec);
  EXPECT_EQ(exit.stopped->reason, "output_limit");
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_GT(exit.out_bytes, spec.output_limit);
}

TEST_F(ShimStop, AllowsExactlyTheLimit) {
  auto spec = script("printf 12345; printf 67890 >&2");
  spec.output_limit = 10;
  EXPECT_FALSE(run(spec).stopped);
}

TEST_F(ShimStop, StopsARoundThatTakesTooLong) {
  auto spec = script("sleep 300");
  spec.time_limit = Duration(100);
  const auto exit = run(spec);
  EXPECT_EQ(exit.stopped->reason, "time_limit");
  EXPECT_EQ(exit.signal, SIGINT);
}

// --- claims
// ---------------------------------------------------------------------------------------

TEST_F(ShimStop, OnlyOneOfTwoRunsARound) {
  const auto first = start(script("echo ran; sleep 0.5"));
  ASSERT_TRUE(says("ran"));
  const int second = ::system((shim_.program.string() + " " + dir().string()).c_str());
  EXPECT_EQ(WEXITSTATUS(second), static_cast<int>(ShimEnd::gave_up));
  EXPECT_EQ(phase(), RoundPhase::alive);
  EXPECT_EQ(join(first), 0);
  EXPECT_EQ(out(), "ran\n");
}

TEST_F(ShimStop, OnlyOneOfManyThatStartTogetherRunsARound) {
  auto folder = RoundFolder::create(dir());
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->write_spec(script("echo ran; sleep 0.2")));
  std::vector<pid_t> pids;
  for (int i = 0; i < 8; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl(shim_.program.c_str(), "shim", dir().c_str(), nullptr);
      ::_exit(99);
    }
    pids.push_back(pid);
    shims_.push_back(pid);
  }
  int ran = 0;
  for (const pid_t pid : pids) {
    const int end = join(pid);
    ran += end == 0 ? 1 : 0;
    EXPECT_TRUE(end == 0 || end == static_cast<int>(ShimEnd::gave_up)) << end;
  }
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(out(), "ran\n");
}

TEST_F(ShimStop, GivesUpWhereTheDaemonForestalledIt) {
  auto folder = RoundFolder::create(dir());
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->write_spec(script("echo ran")));
  EXPECT_EQ(phase(), RoundPhase::no_claim);
  EXPECT_EQ(forestall(dir()).value().phase, RoundPhase::lost);
  const int late = ::system((shim_.program.string() + " " + dir().string()).c_str());
  EXPECT_EQ(WEXITSTATUS(late), static_cast<int>(ShimEnd::gave_up));
  EXPECT_EQ(out(), "");
  EXPECT_EQ(phase(), RoundPhase::lost);
}

TEST_F(ShimStop, ClaimNamesTheProcessesThatRun) {
  const auto shim = start(script("echo up; sleep 300"));
  ASSERT_TRUE(says("up"));
  const auto state = inspect(dir()).value();
  EXPECT_EQ(state.phase, RoundPhase::alive);
  ASSERT_TRUE(state.claim);
  EXPECT_EQ(state.claim->by, "shim");
  EXPECT_EQ(state.claim->shim.pid, shim);
  EXPECT_EQ(state.claim->boot_id, boot_id());
  EXPECT_TRUE(is_alive(state.claim->shim));
  ASSERT_TRUE(state.claim->child);
  EXPECT_TRUE(is_alive(*state.claim->child));
  EXPECT_EQ(read_process(static_cast<pid_t>(state.claim->child->pid)).value().parent, shim);
  // Forestalling a round that is alive changes nothing.
  EXPECT_EQ(forestall(dir()).value().phase, RoundPhase::alive);
  EXPECT_TRUE(is_alive(*state.claim->child));
}

TEST_F(ShimStop, G12_ALostRoundIsHuntedByItsMark) {
  const auto spec = script(
      "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.05; done' & "
      "(setsid sleep 300 &) ; sleep 300");
  const auto shim = start(spec);
  ASSERT_TRUE(says("up"));
  ASSERT_TRUE(eventually([&] { return processes_of(spec) >= 4; }));
  ::kill(shim, SIGKILL);
  EXPECT_EQ(join(shim), -SIGKILL);
  EXPECT_EQ(phase(), RoundPhase::lost);
  EXPECT_GE(processes_of(spec), 2u) << "there should be something to hunt";
  const auto hunted = hunt_round(dir());
  ASSERT_TRUE(hunted);
  EXPECT_GE(hunted->killed, 2);
  EXPECT_EQ(hunted->survivors, 0);
  EXPECT_EQ(processes_of(spec), 0u);
  EXPECT_EQ(phase(), RoundPhase::lost);
}

TEST_F(ShimStop, TheProgramEndsWithItsShim) {
  const auto shim = start(script("echo up; exec sleep 300"));
  ASSERT_TRUE(says("up"));
  const auto child = inspect(dir()).value().claim->child.value();
  ::kill(shim, SIGKILL);
  EXPECT_TRUE(eventually([&] { return !is_alive(child); }));
}

TEST_F(ShimStop, HuntsNobodyElse) {
  const auto shim = start(script("echo up; sleep 0.3; echo done"));
  ASSERT_TRUE(says("up"));
  EXPECT_EQ(hunt("another-mark-altogether").killed, 0);
  EXPECT_EQ(hunt("").killed, 0);
  EXPECT_EQ(hunt("test-mark").killed, 0) << "a mark is not a prefix";
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(out(), "up\ndone\n");
}

}  // namespace
}  // namespace reeve::proc
