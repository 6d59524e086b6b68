#include <fmt/core.h>

#include <ostream>
#include <sstream>

#include "cli/commands.h"

namespace reeve::cli {
namespace {

/// A text as roff prints it as it is; none of its lines is a request.
std::string roff(std::string_view text) {
  std::string out;
  bool begins = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c < 0x80) {
      out += static_cast<char>(c);
    } else {  // UTF-8: our own texts, so it is whole
      const int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
      unsigned code = c & (0x3fU >> more);
      for (int k = 0; k < more && i + 1 < text.size(); ++k)
        code = code << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fU);
      out += fmt::format("\\[u{:04X}]", code);
    }
  }
  return out;
}

std::string usage_of(const Entry& entry, const std::vector<OptionInfo>& all) {
  std::string out = "\\fBreeve " + roff(entry.name) + "\\fR";
  bool options = false;
  for (const auto& info : all) options = options || !info.positional;
  if (options) out += " [\\fIOPTION\\fR ...]";
  for (const auto& info : all) {
    if (!info.positional) continue;
    const auto name = "\\fI" + roff(info.names.front()) + "\\fR" + (info.repeats ? " ..." : "");
    out += info.required ? " " + name : " [" + name + "]";
  }
  return out;
}

void print_option(std::ostream& out, const OptionInfo& info) {
  out << ".TP\n";
  std::string names;
  for (const auto& name : info.names)
    names += (names.empty() ? "" : ", ") + std::string(info.positional ? "\\fI" : "\\fB") +
             roff(name) + "\\fR";
  std::string value = info.choices.empty() ? info.value : std::string();
  for (const auto& choice : info.choices) value += (value.empty() ? "" : "|") + choice;
  out << names;
  if (!value.empty() && (!info.positional || !info.choices.empty()))
    out << " \\fI" << roff(value) << "\\fR";
  out << '\n' << roff(info.help) << '\n';
}

void print_command(std::ostream& out, const Entry& entry) {
  const auto command = entry.make();
  Options options(entry.name, entry.summary, entry.examples);
  command->declare(options);
  out << ".SS " << usage_of(entry, options.declared()) << '\n' << roff(entry.summary) << ".\n";
  std::string section;
  for (const auto& info : options.declared()) {
    if (info.section != section) {
      section = info.section;
      out << ".PP\n" << roff(section) << ":\n";
    }
    print_option(out, info);
  }
  if (!entry.examples.empty())
    out << ".PP\nExamples:\n.PP\n.nf\n" << roff(entry.examples) << ".fi\n";
}

constexpr std::string_view kHead = R"(.SH NAME
reeve \- a town of coding agents that loses nothing they do
.SH SYNOPSIS
.B reeve
[\fB\-\-town\fR \fIDIR\fR] [\fB\-\-json\fR] \fICOMMAND\fR ...
.SH DESCRIPTION
Coding agents run as child processes of one small daemon for each folder.
You give them tasks and messages, they write to one another and report, and every fact of it goes into one durable
event log.
Commands find the town in the folder or above it, and start its daemon where none runs.
.PP
Options of every command:
.TP
\fB\-t\fR, \fB\-\-town\fR \fIDIR\fR
The town of that folder, instead of this one.
.TP
\fB\-\-json\fR
The answer as JSON, for programs.
.TP
\fB\-h\fR, \fB\-\-help\fR
What the command does, with examples.
.SH COMMANDS
)";

constexpr std::string_view kFoot = R"(.SH EXIT STATUS
0 ok, 1 failure, 2 usage, 3 not found, 4 conflict, 5 timeout, 6 unavailable, 7 denied.
.SH ENVIRONMENT
.TP
.B REEVE_NO_START
If it is set, no command starts a daemon.
.TP
.B NO_COLOR
If it is set, nothing is coloured.
.TP
.B XDG_STATE_HOME
Where the list of this user's towns is kept; else ~/.local/state.
.PP
The program of an agent finds \fBREEVE_TOWN\fR, \fBREEVE_AGENT\fR, \fBREEVE_TASK\fR, \fBREEVE_RUN\fR and the token
of its round in its environment.
.SH FILES
.TP
.I .reeve/town.toml
The town's settings: see \fBreeve config\fR.
.TP
.I .reeve/town.db
The town: its log and its documents.
.TP
.I .reeve/daemon.log
What the daemon says.
.TP
.I ~/.local/state/reeve/towns.json
The towns of this user: see \fBreeve towns\fR.
)";

class Man final : public Command {
  void declare(Options&) override {}
  Status run(Session& session) override {
    std::ostringstream out;
    out << ".TH REEVE 1 \"\" \"reeve " << roff(session.version) << "\" \"\"\n" << kHead;
    for (const auto* entry : session.entries) {
      if (!entry->hidden) print_command(out, *entry);
    }
    out << kFoot;
    if (session.json) {
      session.print(write_json({{"roff", out.str()}}));
    } else {
      session.out << out.str();
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<Command> make_man() { return make_command<Man>(); }

}  // namespace reeve::cli
