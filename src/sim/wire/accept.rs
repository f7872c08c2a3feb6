//! In which shape a client wants its answer: the `Accept` header. Pure.

use super::refusal::Refusal;
use super::table::{Include, Shape};

/// One entry of an `Accept` header.
struct Media<'a> {
    kind: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Media<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn is_json(&self) -> bool {
        ["application/json", "application/*", "*/*"]
            .iter()
            .any(|kind| self.kind.eq_ignore_ascii_case(kind))
    }
}

fn entries(header: &str) -> impl Iterator<Item = Media<'_>> {
    header.split(',').map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        Media {
            kind,
            parameters: parts.filter_map(|part| part.split_once('=')).collect(),
        }
    })
}

/// The shape for objects and lists.
pub(super) fn shape(header: Option<&str>, include: Include) -> Result<Shape, Refusal> {
    let Some(header) = header.filter(|header| !header.trim().is_empty()) else {
        return Ok(Shape::Plain);
    };
    for media in entries(header).filter(Media::is_json) {
        match media.parameter("as") {
            None => return Ok(Shape::Plain),
            Some("Table") if media.parameter("v").is_none_or(|v| v == "v1") => {
                return Ok(Shape::Table(include));
            }
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok(Shape::Metadata),
            Some(_unknown) => {}
        }
    }
    Err(Refusal::not_acceptable("application/json"))
}

/// Whether discovery is wanted as one document, and of which version.
pub(super) fn aggregated(header: Option<&str>) -> Option<&'static str> {
    for media in entries(header.unwrap_or_default()).filter(Media::is_json) {
        match (media.parameter("as"), media.parameter("v")) {
            (Some("APIGroupDiscoveryList"), Some("v2")) => return Some("v2"),
            (Some("APIGroupDiscoveryList"), Some("v2beta1")) => return Some("v2beta1"),
            (None, _) => return None,
            _unknown => {}
        }
    }
    None
}

/// Whether JSON is among what a client takes.
pub(super) fn takes_json(header: Option<&str>) -> bool {
    header.is_none_or(|header| header.trim().is_empty() || entries(header).any(|media| media.is_json()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubectl_asks_for() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(
            shape(Some(table), Include::Metadata).unwrap(),
            Shape::Table(Include::Metadata)
        );
        assert_eq!(
            shape(Some("application/json, */*"), Include::Metadata).unwrap(),
            Shape::Plain
        );
        assert_eq!(
            shape(
                Some("application/vnd.kubernetes.protobuf,application/json"),
                Include::None
            )
            .unwrap(),
            Shape::Plain
        );
        assert!(shape(Some("application/vnd.kubernetes.protobuf"), Include::None).is_err());
        let discovery =
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        assert_eq!(aggregated(Some(discovery)), Some("v2"));
        assert_eq!(aggregated(Some("application/json")), None);
    }
}
