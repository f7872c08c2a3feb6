//! The private folder of one embedded cluster: kubeconfigs that only the owner can read, gone when the
//! cluster goes. Never overwrites what it did not make.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::base64;
use super::error::SimError;

/// The name of context, cluster and user in the kubeconfigs.
pub const CONTEXT: &str = "firedrill-sim";

/// A folder that removes itself.
#[derive(Debug)]
pub(super) struct RuntimeDir {
    path: PathBuf,
}

impl RuntimeDir {
    /// Makes a new folder under `parent`, or under the system's folder for temporary files.
    pub fn create(parent: Option<&Path>) -> Result<Self, SimError> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_path_buf);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&parent)
            .map_err(|source| SimError::Runtime {
                path: parent.clone(),
                source,
            })?;
        let path = parent.join(format!("firedrill-sim-{}", uuid::Uuid::new_v4().simple()));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|source| SimError::Runtime {
                path: path.clone(),
                source,
            })?;
        Ok(Self { path })
    }

    /// Writes a file that only the owner can read.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, SimError> {
        let path = self.path.join(name);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|source| SimError::Runtime {
                path: path.clone(),
                source,
            })?;
        Ok(path)
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the embedded cluster's folder stays behind");
        }
    }
}

/// A kubeconfig for one user of one server.
pub(super) fn kubeconfig(server: &str, ca_pem: &str, user: &str, token: &str) -> String {
    let ca = base64::encode(ca_pem.as_bytes());
    let user = if user == "admin" {
        CONTEXT.to_owned()
    } else {
        format!("{CONTEXT}-{user}")
    };
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: {CONTEXT}\n  cluster:\n    server: {server}\n    \
         certificate-authority-data: {ca}\nusers:\n- name: {user}\n  user:\n    token: {token}\ncontexts:\n\
         - name: {CONTEXT}\n  context:\n    cluster: {CONTEXT}\n    user: {user}\n    namespace: default\n\
         current-context: {CONTEXT}\n"
    )
}
