//! What /proc tells of the system as a whole.

pub mod contexts;
pub mod load;
pub mod machine;
pub mod memory;
pub mod settings;
