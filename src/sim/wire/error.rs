//! Why an embedded cluster could not be started. What a request got wrong is a `Refusal`, never this.

use std::path::PathBuf;

/// An embedded cluster that did not come up.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("the embedded cluster could not listen on 127.0.0.1")]
    Listen(#[source] std::io::Error),
    #[error("the embedded cluster's certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    #[error("the embedded cluster's TLS could not be set up")]
    Tls(#[from] rustls::Error),
    #[error("the embedded cluster could not write {path}")]
    Runtime {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("a speed of {0} is not possible: give a number above 0, at most 10000")]
    Speed(f64),
}
