#include "cli/completion.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/testing.h"

namespace reeve::cli {
namespace {

namespace fs = std::filesystem;
using client::testing::FakeDaemon;

class TownCompletion : public ::testing::Test {
 protected:
  TownCompletion() {
    for (const auto& entry : commands()) session_.entries.push_back(&entry);
    std::string pattern = (fs::temp_directory_path() / "reeve-complete-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    session_.town = dir_.string();
  }
  ~TownCompletion() override { fs::remove_all(dir_); }

  std::vector<std::string> offered(const std::vector<std::string>& words) {
    std::vector<std::string> all;
    for (const auto& each : candidates(session_, words)) all.push_back(each.text);
    return all;
  }
  bool offers(const std::vector<std::string>& words, const std::string& text) {
    const auto all = offered(words);
    return std::ranges::find(all, text) != all.end();
  }
  /// Runs a program with `input`; answers what it printed, and its exit code behind it.
  std::string run(const std::string& command, const std::string& input) {
    std::ofstream(dir_ / "input") << input;
    const auto line =
        command + " < " + (dir_ / "input").string() + " > " + (dir_ / "output").string() + " 2>&1";
    const int status = std::system(line.c_str());
    std::ifstream file(dir_ / "output");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    return status == 0 ? text : text + "\nstatus " + std::to_string(status);
  }
  static bool has(const std::string& program) {
    return std::system(("command -v " + program + " > /dev/null 2>&1").c_str()) == 0;
  }

  std::ostringstream out_;
  std::ostringstream err_;
  Session session_{.out = out_, .err = err_, .paint = Paint(false)};
  fs::path dir_;
};

TEST_F(TownCompletion, CommandsAndTheirFamilies) {
  EXPECT_TRUE(offers({""}, "spawn"));
  EXPECT_TRUE(offers({""}, "task"));
  EXPECT_FALSE(offers({""}, "__complete"));
  EXPECT_EQ(offered({"spa"}), std::vector<std::string>{"spawn"});
  EXPECT_TRUE(offers({"task", ""}, "complete"));
  EXPECT_TRUE(offers({"retention", ""}, "sweep"));
  EXPECT_TRUE(offers({"--json", "--town", "/x", "task", "co"}, "complete"));
  EXPECT_TRUE(offers({"help", "spa"}, "spawn"));
  EXPECT_TRUE(offers({"-"}, "--json"));
  EXPECT_TRUE(offered({"nonsense", "x"}).empty());
  EXPECT_TRUE(offered({}).empty());
}

TEST_F(TownCompletion, EveryOptionOfEveryCommand) {
  for (const auto* entry : session_.entries) {
    if (entry->hidden) continue;
    const auto command = entry->make();
    Options options(entry->name, entry->summary, entry->examples);
    command->declare(options);
    std::vector<std::string> words;
    std::istringstream split{std::string(entry->name)};
    for (std::string word; split >> word;) words.push_back(word);
    words.emplace_back("--");
    const auto all = offered(words);
    for (const auto& info : options.declared()) {
      if (info.positional) continue;
      EXPECT_TRUE(options.help().contains(info.names.back())) << entry->name;
      EXPECT_NE(std::ranges::find(all, info.names.back()), all.end())
          << entry->name << " " << info.names.back();
    }
    EXPECT_NE(std::ranges::find(all, "--json"), all.end()) << entry->name;
    EXPECT_NE(std::ranges::find(all, "--town"), all.end()) << entry->name;
  }
}

TEST_F(TownCompletion, WhatIsDeclaredIsKnownWhole) {
  std::string text;
  std::optional<std::string> maybe;
  std::vector<std::string> many;
  std::uint64_t number = 0;
  std::optional<double> seconds;
  bool flag = false;
  Options options("probe", "Probes", "");
  options.positional("WHO", text, "Whose");
  options.value("-m,--maybe", maybe, "If so");
  options.values("--many", many, "Again");
  options.number("-n,--limit", number, "How many");
  options.seconds("--timeout", seconds, "How long");
  options.flag("--really", flag, "Do");
  options.section("Rare");
  options.choice("--how", text, {"so", "thus"}, "Manner");
  options.text("TEXT", text, "Words", false);
  const auto all = options.declared();
  ASSERT_EQ(all.size(), 8u);
  EXPECT_TRUE(all[0].positional && all[0].required && all[0].names[0] == "WHO");
  EXPECT_EQ(all[1].names, (std::vector<std::string>{"-m", "--maybe"}));
  EXPECT_EQ(all[1].value, "TEXT");
  EXPECT_TRUE(all[2].repeats);
  EXPECT_EQ(all[3].value, "N");
  EXPECT_EQ(all[4].value, "SECONDS");
  EXPECT_EQ(all[5].value, "");
  EXPECT_EQ(all[5].help, "Do");
  EXPECT_EQ(all[6].choices, (std::vector<std::string>{"so", "thus"}));
  EXPECT_EQ(all[6].section, "Rare");
  EXPECT_TRUE(all[7].positional && all[7].repeats && !all[7].required);
}

TEST_F(TownCompletion, ChoicesAndKnownValues) {
  EXPECT_EQ(offered({"spawn", "ada", "--permissions", ""}),
            (std::vector<std::string>{"ask", "edits", "bypass"}));
  EXPECT_EQ(offered({"spawn", "--permissions=by"}),
            std::vector<std::string>{"--permissions=bypass"});
  EXPECT_TRUE(offers({"spawn", "ada", "-c", "co"}, "codex"));
  EXPECT_TRUE(offers({"events", "--kind", "Task"}, "TaskCompleted"));
  EXPECT_TRUE(offers({"config", "agents."}, "agents.silence"));
  EXPECT_EQ(offered({"config", "durability", ""}),
            (std::vector<std::string>{"disk", "os", "everysec", "memory"}));
  EXPECT_EQ(offered({"completion", "z"}), std::vector<std::string>{"zsh"});
  EXPECT_TRUE(offers({"explain", "fen"}, "fenced"));
  EXPECT_TRUE(offered({"--town", ""}).empty());
}

TEST_F(TownCompletion, AgentsOfARunningTownAndOfNoOther) {
  const client::TownFolder folder(dir_);
  ASSERT_TRUE(client::create_town(folder, {.name = "oak"}));
  EXPECT_TRUE(offered({"kill", ""}).empty());
  EXPECT_FALSE(fs::exists(folder.keeper_lock()));  // nobody was started for it
  api::TownView view;
  view.agents.emplace_back().agent.name = "ada";
  view.agents.emplace_back().agent.name = "bob";
  const FakeDaemon daemon(folder, [&](std::size_t, const net::Request&) {
    return net::json_response(200, write_json_of(view));
  });
  EXPECT_EQ(offered({"kill", ""}), (std::vector<std::string>{"ada", "bob"}));
  EXPECT_EQ(offered({"kill", "b"}), std::vector<std::string>{"bob"});
  EXPECT_TRUE(offers({"send", "s"}, "supervisor"));
  EXPECT_TRUE(offers({"events", "--scope", "agent:"}, "agent:bob"));
  EXPECT_EQ(offered({"history", "--agent", "a"}), std::vector<std::string>{"ada"});
  EXPECT_TRUE(offered({"assign", "ada", ""}).empty());  // a text is the person's own
}

TEST_F(TownCompletion, AShellReadsItsScript) {
  EXPECT_TRUE(completion_script("bash").contains("complete -o bashdefault"));
  // What the script asks is played by a function of the shell.
  const std::string bash = std::string(completion_script("bash")) + R"(
fake() { shift 2; printf 'agent:ada\tidle\nagent:bob\tidle\nword count %s, last "%s"\t\n' "$#" "${!#}"; }
COMP_WORDS=(fake events --scope agent : a); COMP_CWORD=5; _reeve
printf '<%s>' "${COMPREPLY[@]}"; echo
COMP_WORDBREAKS=' '; COMP_WORDS=(fake events ''); COMP_CWORD=2; _reeve
printf '<%s>' "${COMPREPLY[@]}"; echo
)";
  EXPECT_EQ(run("bash --norc", bash),
            "<ada><bob><word count 3, last \"agent:a\">\n"
            "<agent:ada><agent:bob><word count 2, last \"\">\n");
  if (has("zsh")) {
    EXPECT_EQ(run("zsh -f", "autoload -U compinit; compinit -u -D\n" +
                                std::string(completion_script("zsh")) + "whence -w _reeve\n"),
              "_reeve: function\n");
  }
  if (has("fish")) {
    EXPECT_EQ(run("fish --no-config", std::string(completion_script("fish")) +
                                          "functions -q __reeve_complete; and echo there\n"),
              "there\n");
  }
}

TEST_F(TownCompletion, TheManualPageHasEveryCommandAndNoWarning) {
  const auto entry = std::ranges::find(commands(), "man", &Entry::name);
  ASSERT_NE(entry, commands().end());
  ASSERT_TRUE(entry->make()->run(session_));
  const auto page = out_.str();
  EXPECT_TRUE(page.starts_with(".TH REEVE 1"));
  for (const auto* each : session_.entries) {
    auto name = std::string(each->name);
    for (auto at = name.find('-'); at != std::string::npos; at = name.find('-', at + 2))
      name.insert(at, "\\");
    EXPECT_EQ(page.contains(".SS \\fBreeve " + name + "\\fR"), !each->hidden) << name;
  }
  EXPECT_TRUE(std::ranges::all_of(page, [](unsigned char c) { return c < 0x80; }));
  if (has("groff")) {
    EXPECT_EQ(run("groff -man -T utf8 -ww -z", page), "");
  }
  if (has("mandoc")) {
    EXPECT_EQ(run("mandoc -T lint -W warning", page), "");
  }
}

}  // namespace
}  // namespace reeve::cli
