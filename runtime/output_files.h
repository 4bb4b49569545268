#pragma once
// Tool output that is too long for the model, kept whole in the session's folder.

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/erase_event.h"

namespace corvid::runtime {

// Writes `text` as the output of the call and says how the model reads it: "read_file
// output:CALL_ID, ...". Throws io.
std::string keep_output(const std::filesystem::path& folder, const std::string& call_id,
                        const std::string& text);

// Head and tail of a text above `bytes_max`, which is kept whole, with how to read it between them;
// where the disk takes no more it is cut, and says so.
std::string keep_long_output(const std::filesystem::path& folder, const std::string& call_id,
                             const std::string& text, size_t bytes_max);

// Kept outputs of the session that hold what `orders` erase.
std::vector<std::filesystem::path> outputs_with(const std::filesystem::path& session_folder,
                                                const EraseOrders& orders);

}  // namespace corvid::runtime
