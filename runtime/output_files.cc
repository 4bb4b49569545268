#include "runtime/output_files.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/session.h"

namespace corvid::runtime {

namespace fs = std::filesystem;

std::string keep_output(const fs::path& folder, const std::string& call_id,
                        const std::string& text) {
  const fs::path file = folder / (call_id + ".txt");
  if (!fs::exists(file)) {  // a command's own file holds more
    fs::create_directories(folder);
    write_file_atomic(file, text);
  }
  return "read_file output:" + call_id + ", or in commands $CORVID_OUTPUTS/" + call_id + ".txt";
}

std::string keep_long_output(const fs::path& folder, const std::string& call_id,
                             const std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::string hint;
  try {
    hint = "\n[all of it: " + keep_output(folder, call_id, text) + "]\n";
  } catch (const std::exception& error) {  // edge: the file system's; the answer is worth more
    log::warning("run", "a long output is not kept", {{"reason", error.what()}});
  }
  return head_and_tail(text, bytes_max) + hint;
}

std::vector<fs::path> outputs_with(const fs::path& session_folder, const EraseOrders& orders) {
  std::vector<fs::path> found;
  const fs::path folder = session_folder / kOutputsFolder;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& file = entry.path();
    if (!entry.is_regular_file()) continue;
    const bool is_hit = orders.call_results.contains(file.stem().string());
    if (is_hit || orders.needles.are_in(corvid::read_file(file))) found.push_back(file);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace corvid::runtime
