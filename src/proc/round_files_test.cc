#include "proc/round_files.h"

#include <fcntl.h>

#include "proc/round_test_support.h"

namespace reeve::proc {
namespace {

class RoundFiles : public RoundTest {
 protected:
  RoundFolder folder() { return RoundFolder::create(dir()).value(); }
  void write(const char* name, std::string_view text) { std::ofstream(dir() / name) << text; }
};

TEST_F(RoundFiles, SpecComesBackAsItWas) {
  const auto made = folder();
  auto spec = script("true");
  spec.run = RunId(Uuid{{1, 2, 3}});
  spec.epoch = 7;
  spec.env["NEW\tLINE"] = "a\nb\"\\\x7f\xe9";
  spec.input = Input::stream;
  spec.time_limit = Duration(1234);
  spec.stop = {{StopAction::close_input, Duration(1)}, {StopAction::interrupt, Duration(2)}};
  ASSERT_TRUE(made.write_spec(spec));
  const auto back = made.spec();
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(write_json_of(*back), write_json_of(spec));
}

// A change here is a change of the format, and an old shim meets a new daemon:
// docs/formats/rounds.md.
TEST_F(RoundFiles, FormIsFixed) {
  RoundSpec spec;
  spec.mark = "0123456789abcdef";
  spec.argv = {"agent"};
  spec.env = {{"A", "b"}};
  spec.cwd = "/";
  EXPECT_EQ(
      write_json_of(spec),
      R"({"version":1,"run":"00000000-0000-0000-0000-000000000000","epoch":0,)"
      R"("mark":"0123456789abcdef","argv":["agent"],"env":{"A":"b"},"cwd":"/","input":"none",)"
      R"("output_limit":1073741824,"stop":[{"action":"interrupt","grace":5000},)"
      R"({"action":"terminate","grace":5000}],"settle":500,"linger":2000})");
  const Claim claim{.shim = {1, 2}, .child = ProcessRef{3, 4}, .boot_id = "b"};
  EXPECT_EQ(write_json_of(claim),
            R"({"version":1,"by":"shim","shim":{"pid":1,"start":2},"child":{"pid":3,"start":4},)"
            R"("boot_id":"b","at":"1970-01-01T00:00:00.000Z"})");
  EXPECT_EQ(write_json_of(StopRequest{.reason = "cancelled", .urgency = Urgency::now}),
            R"({"version":1,"reason":"cancelled","urgency":"now"})");
  const Exit exit{.code = 1, .stopped = Stopped{"cancelled", StopAction::kill}, .out_bytes = 5};
  EXPECT_EQ(write_json_of(exit),
            R"({"version":1,"code":1,"stopped":{"reason":"cancelled","reached":"kill"},)"
            R"("out_bytes":5,"err_bytes":0,"lingering":0,"survivors":0,)"
            R"("started_at":"1970-01-01T00:00:00.000Z","ended_at":"1970-01-01T00:00:00.000Z",)"
            R"("used":{"user_time":0,"system_time":0,"max_rss_kb":0}})");
}

TEST_F(RoundFiles, ReadersTellWhatIsWrong) {
  const auto made = folder();
  EXPECT_TRUE(made.spec().error().is(Errc::not_found));
  EXPECT_TRUE(made.claim().error().is(Errc::not_found));
  EXPECT_TRUE(made.exit().error().is(Errc::not_found));
  for (const char* text : {"", "{", "[]", "{}", R"({"version":"1"})", R"({"version":0})",
                           R"({"version":1,"out_bytes":"many"})"}) {
    write("exit.json", text);
    EXPECT_TRUE(made.exit().error().is(Errc::corrupt)) << text;
  }
  write("exit.json", R"({"version":2,"out_bytes":"many"})");
  EXPECT_TRUE(made.exit().error().is(Errc::unsupported));
  write("exit.json", R"({"version":1,"code":3,"news":"of a later version 1"})");
  EXPECT_EQ(made.exit().value().code, 3);
  write("exit.json", R"({"version":1,"x":")" + std::string(limits::kRoundNote, 'x') + "\"}");
  EXPECT_TRUE(made.exit().error().is(Errc::too_large));
  EXPECT_TRUE(inspect(dir()).error().is(Errc::too_large));
}

TEST_F(RoundFiles, RefusesASpecThatNoShimCouldRun) {
  const auto good = script("true");
  EXPECT_TRUE(check(good));
  const auto refuses = [&](const std::function<void(RoundSpec&)>& spoil) {
    auto spec = good;
    spoil(spec);
    return !check(spec) && check(spec).error().is(Errc::invalid_argument);
  };
  EXPECT_TRUE(refuses([](auto& spec) { spec.argv.clear(); }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.argv[0].clear(); }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.argv.emplace_back("a\0b", 3); }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.mark = "short"; }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.cwd = "here"; }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.env[""] = "x"; }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.env["A=B"] = "x"; }));
  EXPECT_TRUE(refuses([](auto& spec) { spec.env["A"] = std::string("a\0b", 3); }));
}

TEST_F(RoundFiles, RefusesASpecOverItsLimit) {
  const auto made = folder();
  auto spec = script("true");
  spec.argv.emplace_back(limits::kRoundSpec, 'x');
  EXPECT_TRUE(made.write_spec(spec).error().is(Errc::too_large));
  EXPECT_TRUE(start_round(dir("other"), spec, "", shim_).error().is(Errc::too_large));
  EXPECT_FALSE(std::filesystem::exists(dir("other")));
}

TEST_F(RoundFiles, AClaimIsTakenOnceAndHeldForAsLongAsItsOwnerLives) {
  const auto made = folder();
  EXPECT_TRUE(made.is_held().error().is(Errc::not_found));
  auto taken = made.take({.shim = self(), .boot_id = boot_id()});
  ASSERT_TRUE(taken);
  EXPECT_TRUE(made.take({}).error().is(Errc::conflict));
  EXPECT_TRUE(made.is_held().value());
  EXPECT_TRUE(made.is_held().value()) << "looking does not let go of it";
  EXPECT_EQ(inspect(dir()).value().phase, RoundPhase::alive);
  taken->reset();
  EXPECT_FALSE(made.is_held().value());
  EXPECT_TRUE(made.take({}).error().is(Errc::conflict)) << "a free claim is still a claim";
  EXPECT_EQ(inspect(dir()).value().phase, RoundPhase::lost);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir()), {}), 3) << "out, err, claim";
}

TEST_F(RoundFiles, AnExitStatusIsFinalWhateverTheLockSays) {
  const auto made = folder();
  const auto taken = made.take({.shim = self()});
  ASSERT_TRUE(made.reserve_exit());
  EXPECT_EQ(inspect(dir()).value().phase, RoundPhase::alive) << "reserved room is no exit status";
  ASSERT_TRUE(made.write_exit({.code = 0}));
  EXPECT_EQ(inspect(dir()).value().phase, RoundPhase::exited);
  EXPECT_EQ(read_text(dir() / "exit.json"), write_json_of(Exit{.code = 0}));
}

TEST_F(RoundFiles, TheFirstToAskForAStopIsTheReason) {
  const auto made = folder();
  ASSERT_TRUE(request_stop(dir(), {.reason = "first"}));
  ASSERT_TRUE(request_stop(dir(), {.reason = "second"}));
  EXPECT_EQ(made.stop_request().value().reason, "first");
  ASSERT_TRUE(request_stop(dir(), {.reason = "third", .urgency = Urgency::now}));
  EXPECT_EQ(made.stop_request().value().reason, "first");
  EXPECT_EQ(made.stop_request().value().urgency, Urgency::now);
  ASSERT_TRUE(request_stop(dir(), {.reason = "fourth"}));
  EXPECT_EQ(made.stop_request().value().urgency, Urgency::now) << "nobody calms it down again";
}

TEST_F(RoundFiles, OnlyARoundThatIsOverIsRemoved) {
  const auto made = folder();
  EXPECT_TRUE(remove_round(dir()).error().is(Errc::conflict));
  {
    const auto taken = made.take({.shim = self()});
    EXPECT_TRUE(remove_round(dir()).error().is(Errc::conflict));
  }
  EXPECT_TRUE(remove_round(dir()));
  EXPECT_FALSE(std::filesystem::exists(dir()));
  EXPECT_TRUE(remove_round(dir()).error().is(Errc::not_found));
}

TEST_F(RoundFiles, AClaimOfAnotherBootNamesNoProcess) {
  const auto made = folder();
  EXPECT_TRUE(watch_shim({.shim = self(), .boot_id = boot_id()}));
  EXPECT_TRUE(watch_shim({.shim = self(), .boot_id = "earlier"}).error().is(Errc::not_found));
}

}  // namespace
}  // namespace reeve::proc
