// Counts the n-grams of functions and writes the table file that candidates are ranked with; its
// weights are fitted afterwards by fit_ranker.py.
//
//   fledgling_tables --functions tables.jsonl --out python.tables [--bytes 3400000]
//                    [--language python]

#include <cstdio>
#include <fstream>
#include <map>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tools/edits/ngram_counts.h"
#include "tools/edits/weights.h"

namespace {

int run(std::map<std::string, std::string> options) {
  using namespace corvid;
  std::ifstream in(options["--functions"]);
  if (!in) fail(Code::not_found, "no functions at '" + options["--functions"] + "'");
  const std::string language =
      options.contains("--language") ? options["--language"] : "python";
  tools::edits::NgramCounts counts(tools::edits::find_language(language));
  std::string line;
  size_t functions = 0;
  while (std::getline(in, line)) {
    counts.add(json_string(parse_json(line, "a function"), "source"));
    ++functions;
  }
  const size_t bytes = options.contains("--bytes") ? std::stoul(options["--bytes"]) : 3'400'000;
  tools::edits::TableFile file;
  file.ngrams = counts.pack(bytes);
  file.weights = tools::edits::pack_weights(tools::edits::plain_weights());
  const tools::edits::NgramTable table(file.ngrams, "the new table");
  const std::string packed = tools::edits::pack_tables(file);
  write_file_atomic(options["--out"], packed);
  std::printf("%zu functions, %zu bytes; n-grams of order 1 to 5:", functions, packed.size());
  for (int n = 1; n <= tools::edits::kOrder; ++n) std::printf(" %zu", table.entry_count(n));
  std::printf("\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (!options.contains("--functions") || !options.contains("--out")) {
    std::fprintf(stderr, "usage: fledgling_tables --functions FILE --out FILE [--bytes N] "
                         "[--language NAME]\n");
    return 1;
  }
  try {
    return run(options);
  } catch (const corvid::Error& error) {
    std::fprintf(stderr, "fledgling_tables: %s\n", error.what());
    return 1;
  }
}
