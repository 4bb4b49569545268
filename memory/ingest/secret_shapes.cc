#include "memory/ingest/secret_shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace corvid::memory {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }
bool is_upper_alnum(char c) { return is_digit(c) || is_upper(c); }
bool is_alnum_under(char c) { return is_alnum(c) || c == '_'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_dashed(char c) { return is_alnum(c) || c == '-'; }
bool is_dotted(char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; }
bool is_base64(char c) { return is_alnum(c) || c == '+' || c == '/' || c == '='; }
bool is_pathed(char c) { return is_alnum(c) || c == '/' || c == '_' || c == '-'; }
bool is_webhook(char c) { return is_pathed(c) || c == '@'; }

constexpr SecretPrefix kPrefixes[] = {
    {"AKIA", is_upper_alnum, 16, 16, false, "aws_key"},
    {"ASIA", is_upper_alnum, 16, 16, false, "aws_key"},
    {"ABIA", is_upper_alnum, 16, 16, false, "aws_key"},
    {"ACCA", is_upper_alnum, 16, 16, false, "aws_key"},
    {"AIza", is_base64url, 35, 35, false, "google_key"},
    {"ya29.", is_base64url, 20, 1024, false, "google_token"},
    {"GOCSPX-", is_base64url, 28, 28, false, "google_secret"},
    {"ghp_", is_alnum, 36, 255, false, "github_token"},
    {"gho_", is_alnum, 36, 255, false, "github_token"},
    {"ghu_", is_alnum, 36, 255, false, "github_token"},
    {"ghs_", is_alnum, 36, 255, false, "github_token"},
    {"ghr_", is_alnum, 36, 255, false, "github_token"},
    {"github_pat_", is_alnum_under, 50, 255, false, "github_token"},
    {"glpat-", is_base64url, 20, 255, false, "gitlab_token"},
    {"gldt-", is_base64url, 20, 255, false, "gitlab_token"},
    {"glrt-", is_base64url, 20, 255, false, "gitlab_token"},
    {"sk-ant-", is_base64url, 24, 255, false, "anthropic_key"},
    {"sk-proj-", is_base64url, 20, 255, false, "openai_key"},
    {"sk-svcacct-", is_base64url, 20, 255, false, "openai_key"},
    {"sk-or-v1-", is_hex, 32, 128, false, "openrouter_key"},
    {"sk-", is_alnum, 32, 255, true, "api_key"},
    {"sk_live_", is_alnum, 16, 255, false, "stripe_key"},
    {"sk_test_", is_alnum, 16, 255, false, "stripe_key"},
    {"rk_live_", is_alnum, 16, 255, false, "stripe_key"},
    {"rk_test_", is_alnum, 16, 255, false, "stripe_key"},
    {"whsec_", is_alnum, 24, 255, false, "stripe_secret"},
    {"xoxb-", is_dashed, 20, 255, true, "slack_token"},
    {"xoxp-", is_dashed, 20, 255, true, "slack_token"},
    {"xoxa-", is_dashed, 20, 255, true, "slack_token"},
    {"xoxr-", is_dashed, 20, 255, true, "slack_token"},
    {"xoxs-", is_dashed, 20, 255, true, "slack_token"},
    {"xoxe-", is_dashed, 20, 255, true, "slack_token"},
    {"xoxe.", is_dotted, 20, 255, true, "slack_token"},
    {"xapp-", is_dashed, 20, 255, true, "slack_token"},
    {"hooks.slack.com/services/", is_pathed, 24, 255, false, "slack_webhook"},
    {"discord.com/api/webhooks/", is_pathed, 40, 255, true, "discord_webhook"},
    {"hf_", is_alnum, 30, 255, false, "huggingface_token"},
    {"npm_", is_alnum, 36, 36, false, "npm_token"},
    {"pypi-AgE", is_base64url, 50, 1024, false, "pypi_token"},
    {"rubygems_", is_hex, 48, 48, false, "rubygems_key"},
    {"dop_v1_", is_hex, 64, 64, false, "digitalocean_token"},
    {"doo_v1_", is_hex, 64, 64, false, "digitalocean_token"},
    {"dor_v1_", is_hex, 64, 64, false, "digitalocean_token"},
    {"dckr_pat_", is_base64url, 20, 255, false, "docker_token"},
    {"shpat_", is_hex, 32, 32, false, "shopify_token"},
    {"shpss_", is_hex, 32, 32, false, "shopify_token"},
    {"shpca_", is_hex, 32, 32, false, "shopify_token"},
    {"SG.", is_dotted, 50, 128, false, "sendgrid_key"},
    {"key-", is_hex, 32, 32, true, "mailgun_key"},
    {"sq0atp-", is_base64url, 22, 64, false, "square_token"},
    {"sq0csp-", is_base64url, 43, 64, false, "square_secret"},
    {"NRAK-", is_upper_alnum, 27, 27, false, "newrelic_key"},
    {"lin_api_", is_alnum, 32, 64, false, "linear_key"},
    {"glsa_", is_alnum_under, 32, 64, false, "grafana_token"},
    {"glc_", is_base64url, 32, 400, false, "grafana_token"},
    {"figd_", is_base64url, 40, 64, false, "figma_token"},
    {"secret_", is_alnum, 43, 43, true, "notion_token"},
    {"ntn_", is_alnum, 40, 64, true, "notion_token"},
    {"hvs.", is_base64url, 24, 255, false, "vault_token"},
    {"hvb.", is_base64url, 24, 255, false, "vault_token"},
    {"pul-", is_hex, 40, 40, false, "pulumi_token"},
    {"PMAK-", is_dashed, 59, 59, false, "postman_key"},
    {"gsk_", is_alnum, 40, 80, true, "groq_key"},
    {"xai-", is_alnum, 60, 128, true, "xai_key"},
    {"r8_", is_alnum, 37, 40, true, "replicate_token"},
    {"AGE-SECRET-KEY-1", is_upper_alnum, 58, 58, false, "age_key"},
    {"EAACEdEose0cBA", is_alnum, 8, 255, false, "facebook_token"},
    {"EAA", is_alnum, 80, 400, true, "facebook_token"},
    {"glptt-", is_base64url, 20, 255, false, "gitlab_token"},
    {"glcbt-", is_base64url, 20, 255, false, "gitlab_token"},
    {"glft-", is_base64url, 20, 255, false, "gitlab_token"},
    {"glimt-", is_base64url, 20, 255, false, "gitlab_token"},
    {"glagent-", is_base64url, 40, 255, false, "gitlab_token"},
    {"glsoat-", is_base64url, 20, 255, false, "gitlab_token"},
    {"GR1348941", is_base64url, 20, 255, true, "gitlab_token"},
    {"ATATT3", is_base64url, 100, 400, false, "atlassian_token"},
    {"pat", is_dotted, 79, 79, true, "airtable_token"},
    {"bkua_", is_hex, 40, 40, false, "buildkite_token"},
    {"v1.0-", is_hex, 140, 200, true, "cloudflare_key"},
    {"cio", is_alnum, 32, 32, true, "crates_token"},
    {"dapi", is_hex, 32, 32, true, "databricks_token"},
    {"dp.pt.", is_alnum, 40, 44, false, "doppler_token"},
    {"dp.st.", is_dotted, 40, 80, false, "doppler_token"},
    {"dt0c01.", is_dotted, 80, 100, false, "dynatrace_token"},
    {"EZAK", is_alnum, 54, 54, true, "easypost_key"},
    {"EZTK", is_alnum, 54, 54, true, "easypost_key"},
    {"fm1r_", is_base64, 80, 1024, false, "fly_token"},
    {"fm1a_", is_base64, 80, 1024, false, "fly_token"},
    {"fm2_", is_base64, 80, 1024, false, "fly_token"},
    {"HRKU-AA", is_base64url, 58, 58, false, "heroku_key"},
    {"pplx-", is_alnum, 48, 64, false, "perplexity_key"},
    {"pscale_tkn_", is_base64url, 32, 64, false, "planetscale_token"},
    {"pscale_pw_", is_base64url, 32, 64, false, "planetscale_password"},
    {"pscale_oauth_", is_base64url, 32, 64, false, "planetscale_token"},
    {"rdme_", is_alnum, 70, 70, true, "readme_key"},
    {"tk-us-", is_base64url, 48, 48, false, "scalingo_token"},
    {"sbp_", is_hex, 40, 40, false, "supabase_token"},
    {"sntrys_", is_base64, 40, 400, false, "sentry_token"},
    {"sntryu_", is_hex, 64, 64, false, "sentry_token"},
    {"SK", is_hex, 32, 32, true, "twilio_key"},
    {"tfp_", is_dotted, 59, 59, true, "typeform_token"},
    {"nvapi-", is_base64url, 60, 80, false, "nvidia_key"},
    {"sgp_", is_alnum_under, 40, 64, true, "sourcegraph_token"},
    {"shippo_live_", is_hex, 40, 40, false, "shippo_token"},
    {"CFPAT-", is_base64url, 43, 43, false, "contentful_token"},
    {"nfp_", is_alnum, 36, 36, true, "netlify_token"},
    {"LTAI", is_alnum, 20, 20, true, "alibaba_key"},
    {"lin_oauth_", is_hex, 64, 64, false, "linear_token"},
    {"sk-admin-", is_base64url, 20, 255, false, "openai_key"},
    {"sk-lf-", is_dashed, 32, 40, true, "langfuse_key"},
    {"xkeysib-", is_dashed, 70, 90, false, "brevo_key"},
    {"tskey-", is_dashed, 20, 128, true, "tailscale_key"},
    {"AKCp", is_alnum, 60, 100, true, "artifactory_key"},
    {"CCIPAT_", is_alnum_under, 40, 128, false, "circleci_token"},
    {"pcsk_", is_alnum_under, 40, 128, false, "pinecone_key"},
    {"lsv2_pt_", is_alnum_under, 32, 64, false, "langsmith_key"},
    {"lsv2_sk_", is_alnum_under, 32, 64, false, "langsmith_key"},
    {"sb_secret_", is_base64url, 20, 64, false, "supabase_key"},
    {"dp.ct.", is_alnum, 40, 44, false, "doppler_token"},
    {"dp.sa.", is_alnum, 40, 44, false, "doppler_token"},
    {"ops_eyJ", is_base64url, 60, 2048, false, "onepassword_token"},
    {"ATBB", is_alnum, 32, 32, true, "bitbucket_password"},
    {"shppa_", is_hex, 32, 32, false, "shopify_token"},
    {"tvly-", is_base64url, 24, 64, true, "tavily_key"},
    {"e2b_", is_hex, 40, 40, false, "e2b_key"},
    {"phx_", is_alnum_under, 40, 64, false, "posthog_key"},
    {"re_", is_alnum_under, 30, 40, true, "resend_key"},
    {"rnd_", is_alnum, 28, 40, true, "render_key"},
    {"s.", is_alnum, 24, 24, true, "vault_token"},
    {"sk_org_live_", is_alnum, 16, 255, false, "stripe_key"},
    {"sk_", is_hex, 48, 48, false, "elevenlabs_key"},
    {"fw_", is_alnum, 24, 64, true, "fireworks_key"},
    {"1//0", is_base64url, 40, 255, false, "google_token"},
    {"APA91b", is_base64url, 80, 255, true, "firebase_key"},
    {"eyJrIjoi", is_base64, 60, 400, true, "grafana_key"},
    {"v1.", is_hex, 40, 40, false, "github_token"},
    {"hooks.slack.com/workflows/", is_pathed, 30, 255, false, "slack_webhook"},
    {"hooks.slack.com/triggers/", is_pathed, 30, 255, false, "slack_webhook"},
    {"discordapp.com/api/webhooks/", is_pathed, 40, 255, true, "discord_webhook"},
    {"webhook.office.com/webhookb2/", is_webhook, 60, 400, true, "teams_webhook"},
};

// Shannon entropy of the characters, bits each.
double entropy(std::string_view text) {
  std::array<int, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '_' || c == '-') continue;
    out += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

bool is_all_upper(std::string_view key) {
  return std::ranges::none_of(key, is_lower) && std::ranges::any_of(key, is_upper);
}

// A name or path of names, as in code: "self.password", "user_token", "os.environ".
bool is_name_path(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return is_alnum_under(c) || c == '.'; }) &&
         !has_digit(value);
}

}  // namespace

std::span<const SecretPrefix> secret_prefixes() { return kPrefixes; }

SecretName name_of_secret(std::string_view key) {
  if (key.size() < 3) return SecretName::none;
  const std::string name = folded(key);
  if (name == "pwd" || name == "pass" || name == "pw" || name.ends_with("passwd") ||
      name.ends_with("password") || name.ends_with("passphrase") || name.ends_with("dbpass") ||
      name.ends_with("userpass") || name.ends_with("passwort") ||
      name.ends_with("wachtwoord") || name.ends_with("contrasena") || name == "senha") {
    return SecretName::password;
  }
  if (contains_any(name, {"secretkey", "secretaccesskey", "clientsecret", "privatekey", "apisecret",
                          "appsecret", "sharedsecret", "signingkey", "encryptionkey",
                          "webhooksecret"}) ||
      name.ends_with("secret") || name.ends_with("apikey") || name.ends_with("accesskey") ||
      name.ends_with("authkey") || name.ends_with("accountkey") || name.ends_with("appkey") ||
      name.ends_with("credential") || name.ends_with("credentials")) {
    return SecretName::secret;
  }
  if (name == "auth" || name == "sig" || name == "sessionid" || name == "session" ||
      key.ends_with("_PAT")) {
    return SecretName::signature;
  }
  const bool is_place = name.ends_with("pagetoken") || name.ends_with("publickeytoken") ||
                        name.ends_with("idempotencytoken") || name.ends_with("continuationtoken");
  return name.ends_with("token") && !is_place ? SecretName::token : SecretName::none;
}

std::string_view kind_of(SecretName name) {
  switch (name) {
    case SecretName::password: return "password";
    case SecretName::token:
    case SecretName::signature: return "token";
    default: return "secret";
  }
}

bool looks_secret(std::string_view value, const ValueContext& context) {
  const size_t length_min = context.name == SecretName::password    ? 4
                            : context.name == SecretName::signature ? 20
                                                                    : 8;
  if (value.size() < length_min || is_placeholder(value)) return false;
  if (value.find(' ') != std::string_view::npos) return false;
  if (folded(value) == folded(context.key)) return false;
  const bool is_path = value[0] == '/' || value[0] == '~' || value.substr(1).starts_with(":\\");
  if (is_path && folded(context.key).ends_with("pwd")) return false;
  if (!context.is_quoted) {
    // Code, not a value.
    if (contains_any(value, {"(", ")", "[", "]", "{", "}", "::", "->", "<", ">"})) return false;
    const bool is_long = value.size() >= 32 && value.find('.') == std::string_view::npos &&
                         value.find('_') == std::string_view::npos;
    const bool is_setting = context.is_tight && is_all_upper(context.key);
    const bool is_word = context.name == SecretName::password || entropy(value) < 3.5;
    if (is_long && is_setting && !is_word) return true;
    if (is_name_path(value)) {
      return context.name == SecretName::password && context.is_tight &&
             is_all_upper(context.key) && name_of_secret(value) == SecretName::none;
    }
  }
  if (context.name == SecretName::password) {
    return context.is_quoted ? name_of_secret(value) == SecretName::none : has_letter(value);
  }
  return is_random(value);
}

bool is_placeholder(std::string_view value) {
  if (value.empty()) return true;
  if (std::ranges::all_of(value, [&](char c) { return c == value[0]; })) return true;
  if (contains_any(value, {"${", "$(", "{{", "%(", "%s", "[redacted", "...", "****", "xxxx",
                           "XXXX"})) {
    return true;
  }
  if (value[0] == '<' && value.back() == '>') return true;
  if (value[0] == '$' && value.size() > 1 && (is_upper(value[1]) || is_lower(value[1]))) {
    return std::ranges::all_of(value.substr(1), is_alnum_under);
  }
  static constexpr std::string_view kWords[] = {
      "true",     "false",    "null",   "none",     "undefined", "nil",      "string",
      "str",      "required", "empty",  "example",  "changeme",  "password", "secret",
      "token",    "bytes",    "bool",   "optional", "redacted",  "hidden",   "your-password",
      "yourpassword", "placeholder", "dummy", "default", "unset", "missing"};
  std::string low;
  for (const char c : value) low += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  const bool is_mine = low.starts_with("my_") && !has_digit(low);
  return low.starts_with("your-") || low.starts_with("your_") || is_mine ||
         std::ranges::find(kWords, std::string_view(low)) != std::end(kWords);
}

bool is_random(std::string_view value) {
  if (!has_letter(value)) return value.size() >= 24 && entropy(value) > 2.8;
  const bool is_mixed = has_digit(value) || (std::ranges::any_of(value, is_lower) &&
                                             std::ranges::any_of(value, is_upper) &&
                                             value.size() >= 20);
  return is_mixed && entropy(value) >= (value.size() >= 16 ? 3.0 : 2.5);
}

bool has_digit(std::string_view text) { return std::ranges::any_of(text, is_digit); }

bool has_letter(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return is_lower(c) || is_upper(c); });
}

bool is_base64url(char c) { return is_alnum(c) || c == '-' || c == '_'; }

bool is_token_char(char c) {
  return is_base64url(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

bool starts_with_word(std::string_view text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = is_upper(text[i]) ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != word[i]) return false;
  }
  return true;
}

}  // namespace corvid::memory
