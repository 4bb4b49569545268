#pragma once
// A generated set of secrets in the shapes that public detectors document, and of texts that only
// look like them. Deterministic. Every second one (by the hash of its shape and number) is reserved:
// rules are fitted to the others only.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/text.h"

namespace corvid::memory::testing {

struct Sample {
  std::string kind;
  std::string text;    // the secret or look-alike with what stands around it
  std::string secret;  // "" for a look-alike
  bool is_reserved = false;
};

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }
  std::string of(std::string_view alphabet, size_t length) {
    std::string out;
    for (size_t i = 0; i < length; ++i) out += alphabet[below(alphabet.size())];
    return out;
  }
  // With at least one digit and one letter.
  std::string mixed(std::string_view alphabet, size_t length) {
    for (;;) {
      std::string out = of(alphabet, length);
      if (out.find_first_of("0123456789") != std::string::npos &&
          out.find_first_not_of("0123456789-_") != std::string::npos) {
        return out;
      }
    }
  }
  template <typename List>
  std::string one(const List& list) {
    return std::string(list[below(std::size(list))]);
  }

 private:
  std::mt19937 random_;
};

inline constexpr std::string_view kHexDigits = "0123456789abcdef";
inline constexpr std::string_view kAlnum =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
inline constexpr std::string_view kUpperAlnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
inline constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
inline constexpr std::string_view kUrlSafe =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
inline constexpr std::string_view kBase64 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";

struct Shape {
  std::string_view kind, first, second;  // the prefix in two parts, so that no scanner minds
  std::string_view alphabet;
  size_t length;
};

inline constexpr Shape kShapes[] = {
    {"aws", "AK", "IA", kBase32, 16}, {"aws-temporary", "AS", "IA", kBase32, 16},
    {"google", "AI", "za", kUrlSafe, 35}, {"google-oauth", "ya", "29.", kUrlSafe, 80},
    {"google-client", "GOC", "SPX-", kUrlSafe, 28}, {"github", "gh", "p_", kAlnum, 36},
    {"github-oauth", "gh", "o_", kAlnum, 36}, {"github-app", "gh", "s_", kAlnum, 36},
    {"github-refresh", "gh", "r_", kAlnum, 36}, {"github-fine", "github", "_pat_", kAlnum, 82},
    {"gitlab", "gl", "pat-", kUrlSafe, 20}, {"gitlab-runner", "gl", "rt-", kUrlSafe, 20},
    {"gitlab-deploy", "gl", "dt-", kUrlSafe, 20}, {"gitlab-trigger", "gl", "ptt-", kHexDigits, 40},
    {"gitlab-ci", "gl", "cbt-", kUrlSafe, 24}, {"anthropic", "sk-", "ant-api03-", kUrlSafe, 95},
    {"openai", "sk-", "proj-", kUrlSafe, 64}, {"openai-old", "sk", "-", kAlnum, 48},
    {"openrouter", "sk-", "or-v1-", kHexDigits, 64}, {"stripe", "sk", "_live_", kAlnum, 24},
    {"stripe-restricted", "rk", "_live_", kAlnum, 24}, {"stripe-hook", "wh", "sec_", kAlnum, 32},
    {"slack-bot", "xo", "xb-1234567890-", kAlnum, 24},
    {"slack-user", "xo", "xp-1234567890-", kAlnum, 32},
    {"slack-app", "xa", "pp-1-A1B2C3-12345-", kHexDigits, 64},
    {"huggingface", "h", "f_", kAlnum, 34}, {"npm", "np", "m_", kAlnum, 36},
    {"pypi", "py", "pi-AgEIcHlwaS5vcmc", kUrlSafe, 100},
    {"rubygems", "ruby", "gems_", kHexDigits, 48}, {"digitalocean", "do", "p_v1_", kHexDigits, 64},
    {"docker", "dckr", "_pat_", kUrlSafe, 27}, {"shopify", "sh", "pat_", kHexDigits, 32},
    {"sendgrid", "S", "G.", kUrlSafe, 66}, {"mailgun", "ke", "y-", kHexDigits, 32},
    {"square", "sq0", "atp-", kUrlSafe, 22}, {"newrelic", "NR", "AK-", kUpperAlnum, 27},
    {"linear", "lin", "_api_", kAlnum, 40}, {"grafana", "gl", "sa_", kAlnum, 32},
    {"figma", "fi", "gd_", kUrlSafe, 40}, {"notion", "nt", "n_", kAlnum, 46},
    {"vault", "hv", "s.", kUrlSafe, 90}, {"pulumi", "pu", "l-", kHexDigits, 40},
    {"postman", "PM", "AK-", kHexDigits, 59}, {"groq", "gs", "k_", kAlnum, 52},
    {"xai", "xa", "i-", kAlnum, 80}, {"replicate", "r8", "_", kAlnum, 37},
    {"age", "AGE-", "SECRET-KEY-1", kBase32, 58}, {"databricks", "da", "pi", kHexDigits, 32},
    {"atlassian", "ATA", "TT3xFfGF0", kUrlSafe, 180}, {"airtable", "pa", "t", kAlnum, 14},
    {"telegram", "12345", "67890:AA", kUrlSafe, 33}, {"doppler", "dp", ".pt.", kAlnum, 43},
    {"flyio", "Fly", "V1 fm2_", kBase64, 100}, {"planetscale", "pscale", "_tkn_", kUrlSafe, 43},
    {"supabase", "sb", "p_", kHexDigits, 40}, {"sentry", "sn", "trys_", kBase64, 60},
    {"terraform", "", "", kAlnum, 14}, {"cloudflare-origin", "v1", ".0-", kHexDigits, 171},
    {"dynatrace", "dt0", "c01.", kUpperAlnum, 24}, {"easypost", "EZ", "AK", kAlnum, 54},
    {"facebook", "EAA", "C", kAlnum, 120}, {"heroku", "HR", "KU-AA", kUrlSafe, 58},
    {"perplexity", "pp", "lx-", kAlnum, 48}, {"cohere", "", "", kAlnum, 40},
    {"readme", "rd", "me_", kHexDigits, 70}, {"scalingo", "tk-", "us-", kUrlSafe, 48},
    {"twilio", "S", "K", kHexDigits, 32}, {"typeform", "tf", "p_", kUrlSafe, 59},
    {"cratesio", "ci", "o", kAlnum, 32}, {"buildkite", "bk", "ua_", kHexDigits, 40}};

inline std::string shaped(Generator& make, const Shape& shape) {
  std::string body = make.mixed(shape.alphabet, shape.length);
  if (shape.kind == "sendgrid") body[22] = '.';
  if (shape.kind == "airtable") body += "." + make.of(kHexDigits, 64);
  if (shape.kind == "terraform") body += ".atlasv1." + make.of(kUrlSafe, 67);
  if (shape.kind == "dynatrace") body += "." + make.of(kUpperAlnum, 64);
  // A base64url token does not end in a sign.
  if (body.back() == '-' || body.back() == '_') body.back() = '7';
  return std::string(shape.first) + std::string(shape.second) + body;
}

// Where a token of a known shape stands.
inline std::string in_context(Generator& make, const std::string& secret) {
  switch (make.below(8)) {
    case 0: return "export TOKEN=" + secret;
    case 1: return "curl -H \"Authorization: Bearer " + secret + "\" https://api.example.org/v1";
    case 2: return "{\"credentials\": {\"value\": \"" + secret + "\"}}";
    case 3: return "I put " + secret + " into the settings, it works now.";
    case 4: return "client = Client('" + secret + "')\nclient.run()";
    case 5: return "  key: " + secret + "\n  region: eu";
    case 6: return "https://api.example.org/v1?key=" + secret + "&page=2";
    default: return "here it is:\n" + secret + "\n";
  }
}

// Secrets that only the name beside them tells.
inline Sample named_secret(Generator& make, size_t number) {
  static constexpr std::string_view kNames[] = {
      "API_KEY", "client_secret", "SECRET_KEY", "aws_secret_access_key", "auth_token",
      "accessToken", "private_key", "DB_PASSWORD", "password", "passwd", "encryption_key",
      "webhook_secret", "STRIPE_SECRET", "jwtSecret", "refresh_token", "signing_key",
      "storage_account_key", "COHERE_API_KEY", "session_secret", "admin_password"};
  const std::string name = make.one(kNames);
  const bool is_password = name.find("ass") != std::string::npos && name.find("swor") +
                               name.find("sswd") != 2 * std::string::npos;
  std::string secret = is_password ? make.mixed("abcdefghkmnpqrstuvwxyzABCDEFGH23456789!%*", 12)
                                   : make.mixed(number % 3 == 0 ? kBase64 : kAlnum, 32);
  if (number % 3 == 1 && !is_password) secret = make.mixed(kHexDigits, 40);
  switch (make.below(6)) {
    case 0: return {"named", name + "=" + secret, secret};
    case 1: return {"named", "  \"" + name + "\": \"" + secret + "\",", secret};
    case 2: return {"named", name + ": " + secret, secret};
    case 3: return {"named", "const " + name + " = '" + secret + "';", secret};
    case 4: return {"named", "--set " + name + "=" + secret + " --wait", secret};
    default: return {"named", "config['" + name + "'] = \"" + secret + "\"", secret};
  }
}

inline Sample structured_secret(Generator& make, size_t number) {
  const std::string word = make.mixed(kAlnum, 14);
  switch (number % 6) {
    case 0: {
      const std::string secret = "eyJhbGciOiJIUzI1NiJ9.eyJ" + make.of(kUrlSafe, 60) + "." +
                                 make.of(kUrlSafe, 42) + "x";
      return {"web-token", in_context(make, secret), secret};
    }
    case 1: return {"url", "postgres://app:" + word + "@db.internal:5432/app", word};
    case 2: return {"url", "git clone https://user:" + word + "@git.example.org/a.git", word};
    case 3: {
      const std::string body = make.of(kBase64, 64) + "\n" + make.of(kBase64, 64);
      return {"private-key", "-----BEGIN " + std::string(number % 2 ? "EC " : "OPENSSH ") +
                                 "PRIV" "ATE KEY-----\n" + body + "\n-----END PRIV" "ATE KEY-----",
              body.substr(0, 64)};
    }
    case 4: {
      const std::string secret = make.mixed(kBase64, 31) + "=";
      return {"basic", "Authorization: Basic " + secret, secret};
    }
    default: return {"spoken", "by the way, the password for staging is " + word + ".", word};
  }
}

inline std::string uuid(Generator& make) {
  return make.of(kHexDigits, 8) + "-" + make.of(kHexDigits, 4) + "-4" + make.of(kHexDigits, 3) +
         "-a" + make.of(kHexDigits, 3) + "-" + make.of(kHexDigits, 12);
}

inline std::string hashes(Generator& make, size_t kind) {
  switch (kind) {
    case 0: return "commit " + make.of(kHexDigits, 40) + "\nAuthor: Ann <ann@example.org>";
    case 1: return make.of(kHexDigits, 64) + "  corvid.tar.gz";
    case 2: return "image: nginx@sha256:" + make.of(kHexDigits, 64);
    case 3: return "index " + make.of(kHexDigits, 7) + ".." + make.of(kHexDigits, 7) + " 100644";
    case 4: return "request " + uuid(make) + " took 31 ms";
    case 5: return "\"integrity\": \"sha512-" + make.of(kBase64, 86) + "==\",";
    case 6: return "checksum = \"" + make.of(kHexDigits, 64) + "\"";
    case 7: return "golang.org/x/net v0.7.0 h1:" + make.of(kBase64, 43) + "=";
    case 8: return "    --hash=sha256:" + make.of(kHexDigits, 64) + " \\";
    case 9: return "ETag: \"" + make.of(kHexDigits, 32) + "\"";
    case 10: return "trace_id=" + make.of(kHexDigits, 32) + " span_id=" + make.of(kHexDigits, 16);
    case 11: return "{file = \"a-1.0.whl\", hash = \"sha256:" + make.of(kHexDigits, 64) + "\"}";
    default: return "md5: " + make.of(kHexDigits, 32);
  }
}

inline std::string encoded(Generator& make, size_t kind) {
  switch (kind) {
    case 0: return "<img src=\"data:image/png;base64,iVBORw0KGgo" + make.of(kBase64, 120) + "=\">";
    case 1: return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + make.of(kBase64, 43) + " ann@box";
    case 2: return "-----BEGIN CERTIFICATE-----\n" + make.of(kBase64, 64) + "\n" +
                   make.of(kBase64, 64) + "\n-----END CERTIFICATE-----";
    case 3: return "-----BEGIN PUBLIC KEY-----\n" + make.of(kBase64, 64) +
                   "\n-----END PUBLIC KEY-----";
    case 4: return "url(data:font/woff2;base64,d09GMgABAAAAA" + make.of(kBase64, 100) + ")";
    case 5: return make.of(kBase64, 76) + "\n" + make.of(kBase64, 76);
    case 6: return "//# sourceMappingURL=data:application/json;base64," + make.of(kBase64, 90);
    default: return "https://cdn.example.org/a/" + make.of(kUrlSafe, 22) + "/main." +
                    make.of(kHexDigits, 8) + ".js";
  }
}

inline std::string code(Generator& make, size_t kind) {
  static constexpr std::string_view kWords[] = {"user", "session", "request", "admin", "client",
                                                "order", "stage", "cache", "page", "parser"};
  const std::string word = make.one(kWords);
  const std::string number = std::to_string(make.below(90000) + 1000);
  switch (kind) {
    case 0: return word + "_token = tokens[" + number + "]";
    case 1: return "password = get_password(" + word + ")";
    case 2: return "max_tokens=" + number + ", temperature=0.2";
    case 3: return "self." + word + "_password = " + word + "_password";
    case 4: return "api_key = os.environ[\"" + word + "_API_KEY\"]";
    case 5: return "key: v1-deps-" + word + "-{{ checksum \"go.sum\" }}";
    case 6: return "PASSWORD=${" + word + "_PASSWORD}";
    case 7: return "if (token == Token::" + word + ") return next_token();";
    case 8: return "password: <your " + word + " password>";
    case 9: return "def " + word + "(self, secret: str, token: Optional[str] = None):";
    case 10: return "The " + word + " token count was " + number + " in run " + uuid(make) + ".";
    case 11: return "pod/" + word + "-" + make.of(kHexDigits, 10) + "-" + make.of(kAlnum, 5) +
                    " Running";
    case 12: return "at 0x" + make.of(kHexDigits, 16) + " in " + word + "_loop()";
    case 13: return "secretKeyRef:\n  name: " + word + "\n  key: " + word + "-key";
    case 14: return "sk-learn, task-" + number + " and risk-" + word + " are words";
    case 15: return "primary key (" + word + "_id), foreign key (session_key)";
    case 16: return "password = StringField('" + word + "', validators=[Length(min=8)])";
    default: return "--token-file /run/secrets/" + word + "-token --user " + word + number;
  }
}

inline std::vector<Sample> split(std::vector<Sample> samples) {
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].is_reserved = fnv1a(samples[i].kind + std::to_string(i)) % 2 == 1;
  }
  return samples;
}

inline std::vector<Sample> generated_secrets() {
  Generator make(20260101);
  std::vector<Sample> samples;
  for (const Shape& shape : kShapes) {
    for (size_t i = 0; i < 10; ++i) {
      const std::string secret = shaped(make, shape);
      // Without a prefix only the name can tell.
      const std::string name = shape.first.empty() ? std::string(shape.kind) + "_api_key = \"" +
                                                         secret + "\""
                                                   : in_context(make, secret);
      samples.push_back({std::string(shape.kind), name, secret});
    }
  }
  for (size_t i = 0; i < 240; ++i) samples.push_back(named_secret(make, i));
  for (size_t i = 0; i < 120; ++i) samples.push_back(structured_secret(make, i));
  return split(std::move(samples));
}

inline std::vector<Sample> generated_look_alikes() {
  Generator make(20260102);
  std::vector<Sample> samples;
  for (size_t i = 0; i < 6000; ++i) {
    const size_t family = i % 3;
    const size_t kind = i / 3;
    if (family == 0) samples.push_back({"hash" + std::to_string(kind % 13),
                                        hashes(make, kind % 13), ""});
    if (family == 1) samples.push_back({"encoded" + std::to_string(kind % 8),
                                        encoded(make, kind % 8), ""});
    if (family == 2) samples.push_back({"code" + std::to_string(kind % 18),
                                        code(make, kind % 18), ""});
  }
  return split(std::move(samples));
}

}  // namespace corvid::memory::testing
