//! `runc image unpack`: images that are as they should be, and images that are not.

mod archive;
mod choice;
mod configuration;
mod damage;
mod hostile;
mod interrupted;
mod layers;
mod layout;
