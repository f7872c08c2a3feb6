#[cfg(feature = "sim")]
mod sim_world;
