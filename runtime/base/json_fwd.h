#pragma once

#include <nlohmann/json_fwd.hpp>

namespace corvid {

using Json = nlohmann::json;

}  // namespace corvid
