//! HTTP/1 syntax, through its public face: what generated messages become, whole and in pieces.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod heads;
pub mod relay;
