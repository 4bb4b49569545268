// Lists the functions of source files, for extract_c.py: reads paths from stdin, one per line, and
// prints a JSON line per function: file, qualname, first_line, last_line (1-based), source.
//
//   fledgling_functions --src FOLDER < paths

#include <cstdio>
#include <iostream>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/edits/source.h"

namespace {

void list(const std::string& folder, const std::string& file) {
  using namespace corvid::tools::edits;
  const Language* language = language_of(file);
  if (language == nullptr) return;
  const Source source(corvid::to_utf8(corvid::read_file(folder + "/" + file)), *language);
  for (const Unit& unit : source.units()) {
    if (!unit.is_function) continue;
    std::string text;
    for (int i = unit.first_line; i <= unit.last_line; ++i) {
      text.append(source.line(i)).append("\n");
    }
    const corvid::Json out = {{"file", file},
                              {"qualname", unit.name},
                              {"first_line", unit.first_line + 1},
                              {"last_line", unit.last_line + 1},
                              {"source", text}};
    std::printf("%s\n", corvid::dump_json(out).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string(argv[1]) != "--src") {
    std::fprintf(stderr, "usage: fledgling_functions --src FOLDER < paths\n");
    return 1;
  }
  try {
    for (std::string file; std::getline(std::cin, file);) list(argv[2], file);
    return 0;
  } catch (const corvid::Error& error) {
    std::fprintf(stderr, "fledgling_functions: %s\n", error.what());
    return 1;
  }
}
