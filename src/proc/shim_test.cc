#include "proc/shim.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "proc/round_test_support.h"

namespace reeve::proc {
namespace {

class Shim : public RoundTest {};

// --- how a CLI ends
// -------------------------------------------------------------------------------

TEST_F(Shim, RunsAProgramAndTellsItsExitCode) {
  const auto exit = run(script("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(exit.code, 7);
  EXPECT_FALSE(exit.signal);
  EXPECT_FALSE(exit.stopped);
  EXPECT_FALSE(exit.spawn_error);
  EXPECT_EQ(exit.lingering, 0);
  EXPECT_EQ(exit.survivors, 0);
  EXPECT_EQ(out(), "out\n");
  EXPECT_EQ(err(), "err\n");
  EXPECT_EQ(exit.out_bytes, 4u);
  EXPECT_EQ(exit.err_bytes, 4u);
  EXPECT_GE(exit.ended_at, exit.started_at);
  EXPECT_GT(exit.used.max_rss_kb, 0);
}

TEST_F(Shim, TellsTheSignalThatEndedTheProgram) {
  const auto exit = run(script("kill -KILL $$"));
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_FALSE(exit.code);
  EXPECT_FALSE(exit.stopped);
}

TEST_F(Shim, TellsThatAProgramIsMissing) {
  for (const char* name : {"no-such-program-here", "/no/such/program"}) {
    std::filesystem::remove_all(dir());
    const auto exit = run(program({name, "--flag"}));
    ASSERT_TRUE(exit.spawn_error) << name;
    EXPECT_EQ(exit.spawn_error->code, "not_found");
    EXPECT_NE(exit.spawn_error->text.find(name), std::string::npos) << exit.spawn_error->text;
    EXPECT_FALSE(exit.code);
    EXPECT_FALSE(exit.signal);
  }
}

TEST_F(Shim, TellsWhyAProgramCannotRun) {
  std::ofstream(root_ / "plain") << "no program";
  auto exit = run(program({(root_ / "plain").string()}));
  ASSERT_TRUE(exit.spawn_error);
  EXPECT_EQ(exit.spawn_error->code, "denied");

  std::filesystem::permissions(root_ / "plain", std::filesystem::perms::owner_all);
  std::filesystem::remove_all(dir());
  exit = run(program({(root_ / "plain").string()}));
  ASSERT_TRUE(exit.spawn_error) << "it was handed to a shell";
  EXPECT_EQ(exit.spawn_error->code, "unsupported");

  std::filesystem::remove_all(dir());
  auto spec = script("true");
  spec.cwd = (root_ / "gone").string();
  exit = run(spec);
  ASSERT_TRUE(exit.spawn_error);
  EXPECT_EQ(exit.spawn_error->code, "not_found");
  EXPECT_NE(exit.spawn_error->text.find("gone"), std::string::npos);
}

TEST_F(Shim, FindsAProgramInThePathOfTheSpec) {
  std::filesystem::create_directory(root_ / "tools");
  std::ofstream(root_ / "tools/agent") << "#!/bin/sh\necho found \"$@\"\n";
  std::filesystem::permissions(root_ / "tools/agent", std::filesystem::perms::owner_all);
  auto spec = program({"agent", "a b", "$HOME"});
  spec.env["PATH"] = "/nowhere:" + (root_ / "tools").string() + ":/usr/bin:/bin";
  EXPECT_EQ(run(spec).code, 0);
  EXPECT_EQ(out(), "found a b $HOME\n");
}

TEST_F(Shim, TellsThatItsSpecIsOfANewerVersion) {
  auto folder = RoundFolder::create(dir());
  ASSERT_TRUE(folder);
  auto spec = script("echo ran");
  spec.version = kRoundVersion + 1;
  ASSERT_TRUE(folder->write_spec(spec));
  std::vector<std::string> words{shim_.program.string(), dir().string()};
  std::vector<char*> argv{words[0].data(), words[1].data(), nullptr};
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execv(argv[0], argv.data());
    ::_exit(99);
  }
  EXPECT_EQ(join(pid), static_cast<int>(ShimEnd::done));
  const auto exit = finished();
  ASSERT_TRUE(exit.spawn_error);
  EXPECT_EQ(exit.spawn_error->code, "unsupported");
  EXPECT_EQ(out(), "");
}

// --- what a CLI is given
// --------------------------------------------------------------------------

TEST_F(Shim, GivesTheProgramAllOfALongStandardInput) {
  std::string text(10 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>(i % 251);
  auto spec = program({"cat"});
  spec.input = Input::file;
  EXPECT_EQ(run(spec, text).code, 0);
  EXPECT_TRUE(out() == text);
}

TEST_F(Shim, GivesNoInputWhereThereIsNone) {
  EXPECT_EQ(run(program({"cat"})).code, 0);
  EXPECT_EQ(out(), "");
}

TEST_F(Shim, StreamsInputAsItComes) {
  auto spec = script("while read line; do echo \"got $line\"; done; echo end");
  spec.input = Input::stream;
  const auto shim = start(spec, "one\n");
  EXPECT_TRUE(says("got one"));
  ASSERT_TRUE(append_input(dir(), "two\n"));
  EXPECT_TRUE(says("got two"));
  ASSERT_TRUE(append_input(dir(), "three\n"));
  ASSERT_TRUE(end_input(dir()));
  EXPECT_EQ(join(shim), 0);
  EXPECT_EQ(out(), "got one\ngot two\ngot three\nend\n");
}

TEST_F(Shim, StreamsMoreInputThanAPipeHolds) {
  const std::string text(3 << 20, 'y');
  auto spec = script("sleep 0.1; cat");
  spec.input = Input::stream;
  const auto shim = start(spec, text);
  ASSERT_TRUE(end_input(dir()));
  EXPECT_EQ(join(shim), 0);
  EXPECT_TRUE(out() == text);
}

TEST_F(Shim, GivesTheEnvironmentOfTheSpecAndTheMarkOnly) {
  ::setenv("REEVE_TEST_SECRET", "leaked", 1);
  auto spec = program({"env"});
  spec.env["GREETING"] = "a=b\nc";
  EXPECT_EQ(run(spec).code, 0);
  EXPECT_EQ(out(),
            "GREETING=a=b\nc\nPATH=/usr/local/bin:/usr/bin:/bin\nREEVE_ROUND=" + spec.mark + "\n");
  ::unsetenv("REEVE_TEST_SECRET");
}

TEST_F(Shim, PassesBytesThatAreNoUtf8) {
  auto spec = program({"printf", "%s|%s", "caf\xe9", "\xff\xfe"});
  EXPECT_EQ(run(spec).code, 0);
  EXPECT_EQ(out(), "caf\xe9|\xff\xfe");
}

TEST_F(Shim, InheritsNoOpenFileNeitherToItselfNorToTheProgram) {
  // Open files of the daemon, one of them not even close-on-exec.
  const Fd leaky(::open("/etc/passwd", O_RDONLY));
  ASSERT_GE(::fcntl(leaky.get(), F_DUPFD, 200), 0);
  const auto open_files = [](std::int64_t pid) {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
      std::error_code gone;
      files.push_back(entry.path().filename().string() + " " +
                      std::filesystem::read_symlink(entry.path(), gone).string());
    }
    std::ranges::sort(files);
    return files;
  };
  const auto shim = start(script("echo up; exec sleep 300"));
  ASSERT_TRUE(says("up"));
  const auto child = inspect(dir()).value().claim->child.value();
  const std::vector<std::string> expected{"0 /dev/null",
                                          "1 " + (dir() / "out").lexically_normal().string(),
                                          "2 " + (dir() / "err").lexically_normal().string()};
  // While it loads it opens libraries; what is leaked stays open.
  EXPECT_TRUE(eventually([&] { return open_files(child.pid) == expected; }, 5s))
      << testing::PrintToString(open_files(child.pid));
  for (const auto& file : open_files(shim)) {
    EXPECT_EQ(file.find("passwd"), std::string::npos) << file;
  }
  ::close(200);
}

TEST_F(Shim, StartsTheProgramWithDefaultSignals) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  ::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(run(program({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"})).code, 0);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  const auto text = out();
  EXPECT_NE(text.find("SigBlk:\t0000000000000000\n"), std::string::npos) << text;
  const auto ignored = std::stoull(text.substr(text.find("SigIgn:\t") + 8), nullptr, 16);
  constexpr auto kInternalToLibc = 3ULL << 31;  // 32 and 33, which posix_spawn leaves ignored
  EXPECT_EQ(ignored & ~kInternalToLibc, 0u) << text;
}

TEST_F(Shim, StartsTheProgramInAGroupAndTheRoundInASessionOfItsOwn) {
  const auto shim = start(script("echo up; sleep 300"));
  ASSERT_TRUE(says("up"));
  const auto child = inspect(dir()).value().claim->child.value();
  const auto stat = read_process(static_cast<pid_t>(child.pid)).value();
  EXPECT_EQ(stat.group, child.pid);
  EXPECT_EQ(stat.session, shim);
}

TEST_F(Shim, KeepsEveryByteOfTheOutput) {
  const auto exit =
      run(script("i=0; while [ $i -lt 2000 ]; do printf 'line %05d\\n' $i; i=$((i+1)); "
                 "done; printf '\\000\\377no newline'"));
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    auto digits = std::to_string(i);
    expected += "line " + std::string(5 - digits.size(), '0') + digits + "\n";
  }
  expected += std::string("\0\377no newline", 12);
  EXPECT_TRUE(out() == expected);
  EXPECT_EQ(exit.out_bytes, expected.size());
}

TEST_F(Shim, KeepsItsFilesPrivate) {
  auto spec = script("echo text");
  spec.input = Input::file;
  run(spec, "prompt");
  const auto mode = [](const std::filesystem::path& path) {
    struct stat stat{};
    EXPECT_EQ(::stat(path.c_str(), &stat), 0) << path;
    return stat.st_mode & 07777;
  };
  EXPECT_EQ(mode(dir()), 0700u);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir())) {
    EXPECT_EQ(mode(entry.path()), 0600u) << entry.path();
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  EXPECT_EQ(names,
            (std::vector<std::string>{"claim", "err", "exit.json", "out", "spec.json", "stdin"}));
}

TEST_F(Shim, WorksInADeepFolder) {
  auto deep = root_;
  for (int i = 0; i < 12; ++i) deep /= std::string(200, static_cast<char>('a' + i));
  std::filesystem::create_directories(deep);
  root_.swap(deep);
  auto spec = script("echo deep");
  EXPECT_EQ(run(spec).code, 0);
  EXPECT_EQ(out(), "deep\n");
  root_.swap(deep);
}

TEST_F(Shim, NeedsLittleMemory) {
  const auto shim = start(script("echo up; sleep 300"));
  ASSERT_TRUE(says("up"));
  std::ifstream status("/proc/" + std::to_string(shim) + "/status");
  std::string line;
  long anonymous_kb = -1;
  while (std::getline(status, line)) {
    if (line.starts_with("RssAnon:")) anonymous_kb = std::stol(line.substr(8));
  }
  ASSERT_GE(anonymous_kb, 0);
#if !defined(__has_feature) || !__has_feature(address_sanitizer)
  EXPECT_LT(anonymous_kb, 4096);
#endif
}

}  // namespace
}  // namespace reeve::proc
