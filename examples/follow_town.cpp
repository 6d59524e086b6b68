// Follows a town: prints what has happened in it, then what happens. In memory, or in a folder.
#include <reeve/reeve.hpp>

#include <iostream>

int main(int argc, char** argv) try {
  reeve::OpenOptions where;
  if (argc > 1) where.folder = argv[1];
  auto town = reeve::Town::open(where).value();

  reeve::OnOptions all;
  all.from = reeve::From::beginning();
  all.deltas = true;  // token by token, too
  auto listener = town.on(all,
                          [](const reeve::Event& event, reeve::Session&, reeve::Control&) {
                            if (event.sort == reeve::Event::Sort::durable)
                              std::cout << event.position;
                            std::cout << '\t' << event.kind << '\t' << event.payload.substr(0, 80)
                                      << '\n';
                          })
                      .value();

  // Something to see: a model that follows a script.
  town.add_scripted_provider("parrot", R"({"turns":[[{"text":"Good morning!","pieces":3}]]})")
      .value();
  town.emit(reeve::EmitRequest::ask("parrot", "Hello")).value().wait().value();

  listener.close().value();  // when all of it has been printed
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
