//! How many file descriptors the process may have: as many as the system allows.
//!
//! Each client takes one, each upstream connection another. Many systems start a process with 1024 and allow far more on
//! request (the soft and the hard limit of getrlimit(2)).

/// Raises the limit as far as it goes. What to tell the operator of it; `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(super) fn raise() -> Option<String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let before = current?;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    Some(match (getrlimit(Resource::Nofile).current, raised) {
        (Some(now), Ok(())) if before < now => format!("up to {now} file descriptors (the limit was {before})"),
        (Some(now), Ok(())) => format!("up to {now} file descriptors"),
        (None, _) => "any number of file descriptors".to_owned(),
        (Some(now), Err(error)) => format!("up to {now} file descriptors; the limit cannot be raised: {error}"),
    })
}

/// Raises the limit as far as it goes. What to tell the operator of it; `None` where the system does not say.
#[cfg(not(target_os = "linux"))]
pub(super) fn raise() -> Option<String> {
    None
}
