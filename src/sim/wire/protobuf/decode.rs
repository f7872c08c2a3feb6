//! Protocol buffers to JSON, by the tables beside. Pure; nothing in a message can make it panic or loop.

use serde_json::{Map, Value, json};

use super::kinds::{Field, Of, message};
use crate::sim::wire::base64;

/// What every message of the Kubernetes API starts with.
const MAGIC: &[u8] = b"k8s\0";
/// The envelope: its type, then the object's own bytes.
const TYPE_META: &[Field] = &[(1, "apiVersion", Of::Text), (2, "kind", Of::Text)];
/// Deeper messages than these are nobody's objects.
const DEPTH: u8 = 16;

/// One field as it lies in the bytes.
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field; `None` at the end and for what is broken.
    fn field(&mut self) -> Option<(u32, Raw<'a>)> {
        let tag = self.number()?;
        let number = u32::try_from(tag >> 3).ok()?;
        let raw = match tag & 7 {
            0 => Raw::Number(self.number()?),
            1 => Raw::Bytes(self.take(8)?),
            2 => {
                let len = usize::try_from(self.number()?).ok()?;
                Raw::Bytes(self.take(len)?)
            }
            5 => Raw::Bytes(self.take(4)?),
            _group => return None,
        };
        Some((number, raw))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Key and value of one entry of a map.
fn entry(bytes: &[u8]) -> (String, &[u8]) {
    let (mut key, mut value) = (String::new(), &[][..]);
    let mut reader = Reader(bytes);
    while let Some((number, raw)) = reader.field() {
        match (number, raw) {
            (1, Raw::Bytes(bytes)) => key = text(bytes),
            (2, Raw::Bytes(bytes)) => value = bytes,
            _other => {}
        }
    }
    (key, value)
}

/// Seconds and nanoseconds, or quantity, or int-or-text: small messages with numbered members.
fn members(bytes: &[u8]) -> (i64, i64, String) {
    let (mut first, mut second, mut word) = (0, 0, String::new());
    let mut reader = Reader(bytes);
    while let Some((number, raw)) = reader.field() {
        match (number, raw) {
            (1, Raw::Number(value)) => first = value.cast_signed(),
            (2, Raw::Number(value)) => second = value.cast_signed(),
            (1 | 3, Raw::Bytes(bytes)) => word = text(bytes),
            _other => {}
        }
    }
    (first, second, word)
}

fn time(bytes: &[u8], format: &str) -> Option<Value> {
    let (seconds, nanos, _) = members(bytes);
    if seconds == 0 && nanos == 0 {
        return None;
    }
    let stamp = jiff::Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?;
    Some(stamp.strftime(format).to_string().into())
}

fn int_or_text(bytes: &[u8]) -> Value {
    match members(bytes) {
        (1, _, word) => word.into(),
        (_, number, _) => number.into(),
    }
}

/// The JSON of one occurrence of a field; `None` for one that says nothing.
fn value(of: Of, raw: &Raw<'_>, depth: u8) -> Option<Value> {
    match (of, raw) {
        (Of::Text | Of::Texts, Raw::Bytes(bytes)) => (!bytes.is_empty()).then(|| text(bytes).into()),
        (Of::Int, Raw::Number(number)) => (*number != 0).then(|| number.cast_signed().into()),
        (Of::OptionalInt, Raw::Number(number)) => Some(number.cast_signed().into()),
        (Of::Bool, Raw::Number(number)) => (*number != 0).then_some(Value::Bool(true)),
        (Of::OptionalBool, Raw::Number(number)) => Some(Value::Bool(*number != 0)),
        (Of::Message(fields) | Of::Messages(fields), Raw::Bytes(bytes)) => {
            Some(Value::Object(fields_of(bytes, fields, depth.checked_sub(1)?)))
        }
        (Of::Time, Raw::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%SZ"),
        (Of::MicroTime, Raw::Bytes(bytes)) => time(bytes, "%Y-%m-%dT%H:%M:%S%.6fZ"),
        (Of::IntOrText, Raw::Bytes(bytes)) => Some(int_or_text(bytes)),
        _mismatch => None,
    }
}

fn fields_of(bytes: &[u8], fields: &[Field], depth: u8) -> Map<String, Value> {
    let mut object = Map::new();
    let mut reader = Reader(bytes);
    while let Some((number, raw)) = reader.field() {
        let Some((_, name, of)) = fields.iter().find(|(known, _, _)| *known == number) else {
            continue;
        };
        match (of, &raw) {
            (Of::TextMap | Of::BytesMap | Of::QuantityMap, Raw::Bytes(bytes)) => {
                let (key, value) = entry(bytes);
                let value = match of {
                    Of::BytesMap => base64::encode(value),
                    Of::QuantityMap => members(value).2,
                    _text => text(value),
                };
                object.entry(*name).or_insert_with(|| json!({}))[key] = value.into();
            }
            (Of::Texts | Of::Messages(_), _) => {
                if let Some(value) = value(*of, &raw, depth)
                    && let Value::Array(list) = object.entry(*name).or_insert_with(|| json!([]))
                {
                    list.push(value);
                }
            }
            (of, raw) => {
                if let Some(value) = value(*of, raw, depth) {
                    object.insert((*name).to_owned(), value);
                }
            }
        }
    }
    object
}

/// The object in a protobuf body; `None` for what is no such object, or of a kind without a table.
pub(in crate::sim::wire) fn decode(body: &[u8]) -> Option<Value> {
    let mut reader = Reader(body.strip_prefix(MAGIC)?);
    let (mut kind, mut raw) = (Map::new(), &[][..]);
    while let Some((number, field)) = reader.field() {
        match (number, field) {
            (1, Raw::Bytes(bytes)) => kind = fields_of(bytes, TYPE_META, 1),
            (2, Raw::Bytes(bytes)) => raw = bytes,
            _other => {}
        }
    }
    let fields = message(kind.get("apiVersion")?.as_str()?, kind.get("kind")?.as_str()?)?;
    let mut object = fields_of(raw, fields, DEPTH);
    object.append(&mut kind);
    Some(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![(number << 3) | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend(bytes);
        out
    }

    #[test]
    fn a_namespace_as_kubectl_sends_it() {
        let labels = field(11, &[field(1, b"a"), field(2, b"b")].concat());
        let metadata = [
            field(1, b"drill"),
            field(2, b""),
            field(8, b""),
            vec![7 << 3, 0],
            labels,
        ]
        .concat();
        let kind = [field(1, b"v1"), field(2, b"Namespace")].concat();
        let body = [MAGIC.to_vec(), field(1, &kind), field(2, &field(1, &metadata))].concat();
        assert_eq!(
            decode(&body).unwrap(),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drill", "labels": {"a": "b"}}})
        );
    }

    #[test]
    fn broken_bytes_are_no_objects_and_no_panics() {
        for cut in 0..64_u8 {
            let body: Vec<u8> = MAGIC
                .iter()
                .copied()
                .chain((0..cut).map(|n| n.wrapping_mul(37) ^ 0x8a))
                .collect();
            let _ = decode(&body);
        }
        assert_eq!(decode(b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(decode(b"{}"), None);
    }
}
