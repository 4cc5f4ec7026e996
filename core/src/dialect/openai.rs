//! OpenAI: what its errors mean, and what it calls its resources.

use crate::classify::row::{
    Row,
    Sign::{Code, Type, Words},
    Statuses::{Any, Of},
};
use crate::classify::{Blame, Class};
use core::time::Duration;

/// From the API reference and the SDKs' resource folders.
pub(super) const RESOURCES: &[&str] = &[
    "assistants",
    "audio",
    "batches",
    "chat",
    "completions",
    "containers",
    "conversations",
    "edits",
    "embeddings",
    "engines",
    "evals",
    "files",
    "fine_tuning",
    "images",
    "models",
    "moderations",
    "organization",
    "projects",
    "realtime",
    "responses",
    "skills",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
];

const ERRORS: &str = "developers.openai.com/api/docs/guides/error-codes";
const RATES: &str = "developers.openai.com/api/docs/guides/rate-limits";
const SPEND: &str = "developers.openai.com spend-limits";
const SLOW: &str = "learn.microsoft.com dev-proxy, openai-rate-limit-reached";
const SDK: &str = "openai-python, openai-node: error classes";

/// Statuses in whose messages words may be trusted to speak of a key or its account.
const ACCUSING: &[u16] = &[400, 401, 402, 403, 429];

/// Rows of this dialect, in the order in which they are asked within one kind of sign.
pub(super) const ROWS: &[Row] = &[
    // The key is dead.
    Row::new(Any, Code("invalid_api_key"), Class::KeyDead, Blame::Key, ERRORS),
    Row::new(Any, Code("account_deactivated"), Class::KeyDead, Blame::Key, ERRORS),
    Row::new(Of(&[401]), Words("invalid authentication"), Class::KeyDead, Blame::Key, ERRORS),
    Row::new(Of(&[401]), Words("must be a member of an organization"), Class::KeyDead, Blame::Key, ERRORS),
    // The client named an organization or project that is not the key's: any key would fail.
    Row::new(Any, Code("mismatched_organization"), Class::Client, Blame::Nobody, ERRORS),
    Row::new(Any, Code("mismatched_project"), Class::Client, Blame::Nobody, ERRORS),
    Row::new(Of(&[401]), Words("openai-organization header should match"), Class::Client, Blame::Nobody, ERRORS),
    Row::new(Of(&[401]), Words("openai-project header should match"), Class::Client, Blame::Nobody, ERRORS),
    Row::new(Of(&[401]), Words("mismatched organization"), Class::Client, Blame::Nobody, ERRORS),
    Row::new(Of(&[401]), Words("mismatched project"), Class::Client, Blame::Nobody, ERRORS),
    // The machine's address or country: the same for every key.
    Row::new(Any, Code("ip_not_authorized"), Class::Config, Blame::Nobody, ERRORS),
    Row::new(Of(&[401, 403]), Words("ip not authorized"), Class::Config, Blame::Nobody, ERRORS),
    Row::new(Any, Code("unsupported_country_region_territory"), Class::Config, Blame::Nobody, ERRORS),
    Row::new(Of(&[403]), Words("country, region, or territory not supported"), Class::Config, Blame::Nobody, ERRORS),
    // The key may not do this.
    Row::new(Of(&[401, 403]), Code("insufficient_permissions"), Class::Access, Blame::KeyModel, ERRORS),
    Row::new(Of(&[401, 403]), Words("insufficient permissions"), Class::Access, Blame::KeyModel, ERRORS),
    Row::new(Of(&[403]), Code("model_not_found"), Class::Access, Blame::KeyModel, ERRORS),
    Row::new(Of(&[403]), Words("does not have access to model"), Class::Access, Blame::KeyModel, ERRORS),
    Row::new(Any, Code("model_not_found"), Class::Client, Blame::Nobody, ERRORS),
    // Too fast.
    Row::new(Any, Code("rate_limit_exceeded"), Class::Rate, Blame::AccountModel, RATES),
    Row::new(Of(&[429]), Type("requests"), Class::Rate, Blame::AccountModel, RATES),
    Row::new(Of(&[429]), Type("tokens"), Class::Rate, Blame::AccountModel, RATES),
    Row::new(Any, Code("slow_down"), Class::Rate, Blame::AccountModel, SLOW).resting(Duration::from_secs(1)),
    // Used up. A project's limit is not its organization's, and answers name the organization only.
    Row::new(Any, Code("insufficient_quota"), Class::Quota, Blame::Account, ERRORS),
    Row::new(Any, Type("insufficient_quota"), Class::Quota, Blame::Account, ERRORS),
    Row::new(Any, Code("credit_balance_exhausted"), Class::Quota, Blame::Account, SPEND),
    Row::new(Any, Code("organization_spend_limit_exceeded"), Class::Quota, Blame::Account, SPEND),
    Row::new(Any, Code("organization_usage_limit_exceeded"), Class::Quota, Blame::Account, SPEND),
    Row::new(Any, Code("project_spend_limit_exceeded"), Class::Quota, Blame::Key, SPEND),
    Row::new(Any, Code("billing_hard_limit_reached"), Class::Quota, Blame::Account, ERRORS),
    Row::new(Of(ACCUSING), Words("exceeded your current quota"), Class::Quota, Blame::Account, ERRORS),
    Row::new(Of(ACCUSING), Words("billing hard limit has been reached"), Class::Quota, Blame::Account, ERRORS),
    // The client's own.
    Row::new(Any, Code("context_length_exceeded"), Class::Client, Blame::Nobody, SDK),
    Row::new(Any, Code("content_policy_violation"), Class::Client, Blame::Nobody, SDK),
    // The server's own.
    Row::new(Any, Code("server_is_overloaded"), Class::Overload, Blame::Nobody, ERRORS),
    Row::new(Any, Code("server_error"), Class::Overload, Blame::Nobody, ERRORS),
    Row::new(Any, Type("service_unavailable_error"), Class::Overload, Blame::Nobody, ERRORS),
    Row::new(Any, Type("server_error"), Class::Overload, Blame::Nobody, ERRORS),
];
