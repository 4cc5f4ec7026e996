//! What a provider answers when something is wrong: one row for each way, by name.

/// One kind of failed answer, as the provider spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Name, for `error=` of a [`Spec`](super::Spec).
    pub name: &'static str,
    /// Status.
    pub status: u16,
    /// `error.type`.
    pub kind: &'static str,
    /// `error.code`; empty: null.
    pub code: &'static str,
    /// `error.message`.
    pub message: &'static str,
    /// What it should be taken for, in the words of `classify::Class::as_str`.
    pub class: &'static str,
    /// Shape of the body.
    pub shape: Shape,
}

/// Shape of a failed answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"error":{message, type, param, code}}`.
    OpenAi,
    /// The page of a load balancer.
    Html,
    /// Google's: `{"error":{code, message, status, details:[{reason}]}}`.
    Google,
    /// None at all.
    Empty,
}

const fn row(
    name: &'static str,
    status: u16,
    (kind, code): (&'static str, &'static str),
    class: &'static str,
    message: &'static str,
) -> Row {
    Row { name, status, kind, code, message, class, shape: Shape::OpenAi }
}

const fn shaped(name: &'static str, status: u16, shape: Shape, class: &'static str, message: &'static str) -> Row {
    Row { name, status, kind: "", code: "", message, class, shape }
}

const REQUEST: &str = "invalid_request_error";
const QUOTA: &str = "insufficient_quota";
const PLAN: &str = "You exceeded your current quota, please check your plan and billing details.";

/// Every row: OpenAI's, then what any server in between may say.
pub const ROWS: [Row; 46] = [
    row("invalid_api_key", 401, (REQUEST, "invalid_api_key"), "key_dead", "Incorrect API key provided."),
    row(
        "account_deactivated",
        401,
        (REQUEST, "account_deactivated"),
        "key_dead",
        "The OpenAI account associated with this API key has been deactivated.",
    ),
    row("invalid_authentication", 401, (REQUEST, ""), "key_dead", "Invalid Authentication"),
    row("no_organization", 401, (REQUEST, ""), "key_dead", "You must be a member of an organization to use the API."),
    row(
        "mismatched_organization",
        401,
        (REQUEST, "mismatched_organization"),
        "client",
        "OpenAI-Organization header should match organization for API key.",
    ),
    row(
        "mismatched_project",
        401,
        (REQUEST, "mismatched_project"),
        "client",
        "OpenAI-Project header should match project for API key.",
    ),
    row(
        "ip_not_authorized",
        401,
        (REQUEST, "ip_not_authorized"),
        "config",
        "Your request was made from an IP address that is not authorized for this project.",
    ),
    row(
        "unsupported_country",
        403,
        ("request_forbidden", "unsupported_country_region_territory"),
        "config",
        "Country, region, or territory not supported",
    ),
    row(
        "insufficient_permissions",
        403,
        (REQUEST, "insufficient_permissions"),
        "access",
        "You have insufficient permissions for this operation. Missing scopes: model.request.",
    ),
    row(
        "model_access",
        403,
        (REQUEST, "model_not_found"),
        "access",
        "Project `proj_fake` does not have access to model `gpt-4o`.",
    ),
    row(
        "model_not_found",
        404,
        (REQUEST, "model_not_found"),
        "client",
        "The model `no-such-model` does not exist or you do not have access to it.",
    ),
    row(
        "rate_requests",
        429,
        ("requests", "rate_limit_exceeded"),
        "rate",
        "Rate limit reached for requests per min (RPM).",
    ),
    row("rate_tokens", 429, ("tokens", "rate_limit_exceeded"), "rate", "Rate limit reached for tokens per min (TPM)."),
    row(
        "slow_down",
        429,
        ("rate_limit_error", "slow_down"),
        "rate",
        "Your request rate increased too quickly. Please slow down.",
    ),
    row("insufficient_quota", 429, (QUOTA, "insufficient_quota"), "quota", PLAN),
    row(
        "credit_balance_exhausted",
        429,
        (QUOTA, "credit_balance_exhausted"),
        "quota",
        "Your credit balance is exhausted.",
    ),
    row(
        "organization_spend_limit",
        429,
        (QUOTA, "organization_spend_limit_exceeded"),
        "quota",
        "Your organization reached its monthly spend limit.",
    ),
    row(
        "project_spend_limit",
        429,
        (QUOTA, "project_spend_limit_exceeded"),
        "quota",
        "Your project reached its monthly spend limit.",
    ),
    row(
        "organization_usage_limit",
        429,
        (QUOTA, "organization_usage_limit_exceeded"),
        "quota",
        "Your organization reached its usage limit.",
    ),
    row(
        "billing_hard_limit",
        429,
        (QUOTA, "billing_hard_limit_reached"),
        "quota",
        "Billing hard limit has been reached.",
    ),
    row("bad_request", 400, (REQUEST, ""), "client", "Invalid type for 'messages'."),
    row(
        "context_length",
        400,
        (REQUEST, "context_length_exceeded"),
        "client",
        "This model's maximum context length is 128000 tokens.",
    ),
    row(
        "content_policy",
        400,
        (REQUEST, "content_policy_violation"),
        "client",
        "Your request was rejected by the safety system.",
    ),
    row("not_found", 404, (REQUEST, ""), "client", "No such File object."),
    row("conflict", 409, (REQUEST, ""), "client", "The resource was updated by another request."),
    row("too_large", 413, (REQUEST, ""), "client", "The request is too large."),
    row("unsupported_media", 415, (REQUEST, ""), "client", "Unsupported content type."),
    row("unprocessable", 422, (REQUEST, ""), "client", "The request could not be processed."),
    row("timeout", 408, ("timeout", ""), "overload", "The request timed out."),
    row(
        "server_error",
        500,
        ("server_error", ""),
        "overload",
        "The server had an error while processing your request.",
    ),
    row("bad_gateway", 502, ("server_error", ""), "overload", "Bad gateway."),
    row(
        "overloaded",
        503,
        ("service_unavailable_error", "server_is_overloaded"),
        "overload",
        "The server is currently overloaded.",
    ),
    row("gateway_timeout", 504, ("server_error", ""), "overload", "Gateway timeout."),
    row("payment_required", 402, ("billing_error", "payment_required"), "quota", "Payment required."),
    shaped("html_502", 502, Shape::Html, "overload", "502 Bad Gateway"),
    shaped("html_503", 503, Shape::Html, "overload", "503 Service Temporarily Unavailable"),
    shaped("html_504", 504, Shape::Html, "overload", "504 Gateway Time-out"),
    shaped("google_key_invalid", 400, Shape::Google, "key_dead", "API key not valid. Please pass a valid API key."),
    shaped("status_401", 401, Shape::Empty, "key_dead", ""),
    shaped("status_402", 402, Shape::Empty, "quota", ""),
    shaped("status_403", 403, Shape::Empty, "unknown", ""),
    shaped("status_408", 408, Shape::Empty, "overload", ""),
    shaped("status_418", 418, Shape::Empty, "client", ""),
    shaped("status_429", 429, Shape::Empty, "rate", ""),
    shaped("status_500", 500, Shape::Empty, "overload", ""),
    shaped("status_529", 529, Shape::Empty, "overload", ""),
];

impl Row {
    /// The row of this name.
    pub fn named(name: &str) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.name == name)
    }

    /// A failed answer with this status that no row describes.
    pub const fn of_status(status: u16) -> Row {
        Row { name: "", status, kind: "", code: "", message: "", class: "", shape: Shape::OpenAi }
    }
}
