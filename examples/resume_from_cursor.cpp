// Counts the runs of a town, each exactly once, however often this program is killed: the count and
// the cursor that it stands for are saved together, in one step.
#include <reeve/reeve.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace {

struct Saved {
  int runs = 0;
  std::string cursor;
};

Saved load(const std::string& path) {
  Saved saved;
  std::ifstream(path) >> saved.runs >> saved.cursor;
  return saved;
}

// Whole or not at all. (Against a power cut a program would fsync the file before the rename.)
void save(const std::string& path, const Saved& saved) {
  std::ofstream(path + ".new") << saved.runs << ' ' << saved.cursor << std::flush;
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0)
    throw std::runtime_error("cannot write " + path);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: resume_from_cursor FOLDER [die]");
  const std::string folder = argv[1];
  const bool die = argc > 2;
  const std::string file = folder + ".count";

  reeve::OpenOptions where;
  where.folder = folder;
  auto town = reeve::Town::open(where).value();
  town.add_scripted_provider("parrot", R"({"turns":["Good morning!"]})").value();
  const auto ask = [&] {
    town.emit(reeve::EmitRequest::ask("parrot", "Hello")).value().wait().value();
  };
  if (die) {  // after two runs that nobody has counted
    ask();
    ask();
    std::_Exit(1);
  }

  auto saved = load(file);
  reeve::OnOptions options;
  options.from = saved.cursor.empty() ? reeve::From::beginning() : reeve::From::after(saved.cursor);
  options.filter.kinds = {"RunCompleted"};
  auto listener = town.on(options,
                          [&](const reeve::Event& event, reeve::Session&, reeve::Control&) {
                            ++saved.runs;
                            saved.cursor = event.cursor;
                            save(file, saved);
                          })
                      .value();
  ask();
  listener.close().value();
  std::cout << "runs counted: " << saved.runs << '\n';
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
