//! Idle upstream connections of one worker, the connection itself opaque.
