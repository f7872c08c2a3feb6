//! What every request of one embedded cluster shares. Holds, never acts.

use std::sync::Mutex;

use super::patch::Ledger;
use super::shared::SharedWorld;
use super::users::Users;

/// The server's own state beside the world.
pub(super) struct State {
    pub world: SharedWorld,
    pub users: Users,
    /// What managers applied. Locked inside the world's lock, never the other way round.
    pub ledger: Mutex<Ledger>,
    /// `127.0.0.1:port`, as discovery tells it.
    pub address: String,
}
