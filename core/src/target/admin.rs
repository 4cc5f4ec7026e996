//! The admin paths: exact, byte for byte. Another spelling of one is an ordinary proxied path.

use super::TargetError;
use crate::proxy::AdminPage;

/// The page that this path (without its query) names.
pub(super) fn page(path: &[u8]) -> Option<AdminPage> {
    match path {
        b"/health" => Some(AdminPage::Health),
        b"/livez" => Some(AdminPage::Livez),
        b"/readyz" => Some(AdminPage::Readyz),
        b"/stats" => Some(AdminPage::Stats),
        b"/blacklist" => Some(AdminPage::Blacklist),
        b"/reset-keys" => Some(AdminPage::ResetKeys),
        b"/reload" => Some(AdminPage::Reload),
        _ => None,
    }
}

/// Which page of rows a query asks for by `page=`: a number from 1, which is also what nothing means.
pub fn number(query: Option<&[u8]>) -> Result<u32, TargetError> {
    let value = query.into_iter().flat_map(|q| q.split(|&b| b == b'&')).find_map(|p| p.strip_prefix(b"page="));
    let Some(value) = value else { return Ok(1) };
    let digits = core::str::from_utf8(value).ok().filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|v| v.parse().ok()).filter(|&n| n >= 1).ok_or(TargetError::PageNumber)
}

/// The methods that an admin page takes, as a value of `Allow`. `GET /reset-keys` is kept for old scripts.
pub const fn methods(page: AdminPage) -> &'static str {
    match page {
        AdminPage::Reload => "POST",
        AdminPage::ResetKeys => "POST, GET",
        _ => "GET, HEAD",
    }
}

/// Whether calling it changes anything.
pub const fn changes(page: AdminPage) -> bool {
    matches!(page, AdminPage::ResetKeys | AdminPage::Reload)
}

/// Whether an admin page is shown without a credential.
pub const fn is_public(page: AdminPage) -> bool {
    matches!(page, AdminPage::Health | AdminPage::Livez | AdminPage::Readyz)
}
