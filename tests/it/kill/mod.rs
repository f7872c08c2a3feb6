//! The kill switch against the embedded cluster, with the world as the oracle: what is called all clear must be so.

mod command;
mod debts;
mod proxy;
mod rights;
mod support;
mod sweep;
