//! Contexts: the isolated views that processes share.
