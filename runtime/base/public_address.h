#pragma once

struct sockaddr;

namespace corvid {

// False for addresses that are private, local, reserved or for documentation (IANA's registries of
// special-purpose addresses), for IPv6 addresses that carry an IPv4 one, and for other families.
bool is_public(const sockaddr& address);

}  // namespace corvid
