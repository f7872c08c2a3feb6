//! A proxy between the kill and the embedded cluster that answers some requests itself, as a bad day would.
