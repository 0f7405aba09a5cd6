//! Signals: generation, queues and delivery.
