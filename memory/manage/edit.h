#pragma once

#include <string>

#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

// See Memory::edit. One transaction.
WriteResult edit(Store& store, const Ports& ports, const std::string& id, const std::string& text);

}  // namespace corvid::memory
