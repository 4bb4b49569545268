#include "memory/secrets.h"

#include "memory/ingest/redact.h"

namespace corvid::memory {

std::string mask_secrets(std::string_view text) { return redact(text).text; }

}  // namespace corvid::memory
