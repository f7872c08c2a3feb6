//! Objects that kubectl's typed commands (`create namespace`, `auth can-i`, `drain`) send as protocol
//! buffers, turned into JSON. Only requests: answers are always JSON, which those clients take too.

mod decode;
mod kinds;

pub(super) use decode::decode;
