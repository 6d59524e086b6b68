#include "client/town_registry.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/json.h"
#include "client/testing.h"
#include "client/town_look.h"

namespace reeve::client {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class TownRegistry : public ::testing::Test {
 protected:
  TownRegistry() {
    std::string pattern = (fs::temp_directory_path() / "reeve-towns-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    file_ = dir_ / "state" / "reeve" / "towns.json";
  }
  ~TownRegistry() override { fs::remove_all(dir_); }

  KnownTown make(const std::string& name) {
    const auto root = dir_ / name;
    fs::create_directory(root);
    EXPECT_TRUE(create_town(TownFolder(root), {.name = name}));
    return {name, root.string()};
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    const auto towns = known_towns(file_).value();
    for (const auto& town : towns) all.push_back(town.name);
    return all;
  }

  fs::path dir_;
  fs::path file_;
};

TEST_F(TownRegistry, TownsFormats) {
  EXPECT_EQ(known_towns(file_)->size(), 0U);
  const auto oak = make("oak");
  ASSERT_TRUE(remember_town(file_, oak));
  ASSERT_TRUE(remember_town(file_, make("elm")));
  EXPECT_EQ(names(), (std::vector<std::string>{"elm", "oak"}));
  // The one that was used last comes first; another name of it is no second one.
  ASSERT_TRUE(remember_town(file_, {"yew", oak.root}));
  EXPECT_EQ(names(), (std::vector<std::string>{"yew", "elm"}));
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(parse_json_as<json::value>(*[&] {
                std::ifstream in(file_);
                return std::make_optional(std::string(std::istreambuf_iterator<char>(in), {}));
              }())
                  ->as_object()
                  .contains("towns"));
}

TEST_F(TownRegistry, ABrokenListIsToldAndBegunAnew) {
  fs::create_directories(file_.parent_path());
  std::ofstream(file_) << "{\"towns\": 3}";
  EXPECT_EQ(known_towns(file_).error().code(), Errc::corrupt);
  ASSERT_TRUE(remember_town(file_, make("oak")));
  EXPECT_EQ(names(), std::vector<std::string>{"oak"});
}

TEST_F(TownRegistry, TheMissingAreForgottenOnRequest) {
  const auto oak = make("oak");
  ASSERT_TRUE(remember_town(file_, oak));
  ASSERT_TRUE(remember_town(file_, make("elm")));
  fs::remove_all(oak.root);
  const auto seen = look_at(*known_towns(file_), 100ms);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].state, TownState::stopped);
  EXPECT_EQ(seen[1].state, TownState::path_missing);
  const auto gone = forget_missing(file_);
  ASSERT_EQ(gone->size(), 1u);
  EXPECT_EQ(gone->front(), oak);
  EXPECT_EQ(names(), std::vector<std::string>{"elm"});
  EXPECT_EQ(forget_missing(file_)->size(), 0U);
}

TEST_F(TownRegistry, ItDoesNotGrowForEver) {
  const auto oak = make("oak");
  ASSERT_TRUE(remember_town(file_, oak));
  std::string text = "{\"towns\":[";
  for (int i = 0; i < 299; ++i)
    text += R"({"name":"gone","root":"/nowhere/)" + std::to_string(i) + "\"},";
  text += write_json_of(oak) + "]}";
  std::ofstream(file_) << text;
  ASSERT_TRUE(remember_town(file_, make("elm")));
  EXPECT_EQ(names(), (std::vector<std::string>{"elm", "oak"}));
}

TEST_F(TownRegistry, ManyAtOnceLoseNothing) {
  std::vector<KnownTown> towns;
  for (int i = 0; i < 8; ++i) towns.push_back(make("town" + std::to_string(i)));
  {
    std::vector<std::jthread> all;
    for (const auto& town : towns)
      all.emplace_back([&] { EXPECT_TRUE(remember_town(file_, town)); });
  }
  EXPECT_EQ(names().size(), towns.size());
}

TEST_F(TownRegistry, WithoutAHomeThereIsNone) {
  const auto* home = std::getenv("HOME");
  const std::optional<std::string> before =
      home != nullptr ? std::optional<std::string>(home) : std::nullopt;
  ::setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(registry_path(), fs::path("/state/reeve/towns.json"));
  ::setenv("XDG_STATE_HOME", "relative", 1);
  ::setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(registry_path(), fs::path("/home/ada/.local/state/reeve/towns.json"));
  ::unsetenv("XDG_STATE_HOME");
  ::unsetenv("HOME");
  EXPECT_EQ(registry_path(), std::nullopt);
  if (before) ::setenv("HOME", before->c_str(), 1);
}

class TownLookTest : public testing::ClientTest {};

TEST_F(TownLookTest, ARunningTownSaysHowManyWork) {
  ASSERT_TRUE(create_town(folder(), {.name = "oak"}));
  api::TownView view;
  view.name = "oak";
  view.pid = 42;
  for (const auto state : {AgentState::idle, AgentState::working, AgentState::stopped}) {
    view.agents.emplace_back().agent.state = state;
  }
  const testing::FakeDaemon daemon(folder(), [&](std::size_t, const net::Request&) {
    return net::json_response(200, write_json_of(view));
  });
  const auto seen = look_at({{"old name", root_.string()}}, 10s);
  EXPECT_EQ(seen[0].state, TownState::running);
  EXPECT_EQ(seen[0].name, "oak");
  EXPECT_EQ(seen[0].agents, 2);
  EXPECT_EQ(seen[0].working, 1);
  EXPECT_EQ(seen[0].pid, 42);
}

TEST_F(TownLookTest, ATownThatDoesNotAnswerIsSaidSo) {
  ASSERT_TRUE(create_town(folder(), {.name = "oak"}));
  const testing::FakeDaemon daemon(folder(), [&](std::size_t, const net::Request&) {
    return net::json_response(500, R"({"code":"internal","detail":"broken"})");
  });
  const auto seen = look_at({{"oak", root_.string()}}, 10s);
  EXPECT_EQ(seen[0].state, TownState::no_answer);
  EXPECT_TRUE(seen[0].problem.contains("broken")) << seen[0].problem;
}

}  // namespace
}  // namespace reeve::client
