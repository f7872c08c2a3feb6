//! One request as the handlers see it: who, what, how it wants its answer. Plain data.

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;

use super::access::Attempt;
use super::refusal::Refusal;
use super::state::State;
use super::table::{Include, Shape};
use super::target::{Query, Target};
use super::users::User;
use super::{accept, body, fields};
use crate::sim::world::query::Exact;
use crate::sim::world::{
    DryRun, FieldValidation, LabelSelector, ListQuery, Name, Resource, ResourceRef, WriteQuery,
};

/// A request about one served resource, authenticated and allowed.
pub(super) struct Ask<'a> {
    pub state: &'a State,
    pub user: &'a User,
    pub target: Target,
    pub resource: Resource,
    pub query: Query,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
}

/// A header as text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Ask<'_> {
    pub fn at(&self) -> &ResourceRef {
        &self.resource.at
    }

    pub fn namespace(&self) -> &str {
        self.target.namespace.as_deref().unwrap_or_default()
    }

    /// The object that the path names; empty for a collection.
    pub fn name(&self) -> Name {
        Name::new(self.namespace(), self.target.name.clone().unwrap_or_default())
    }

    pub fn shape(&self) -> Result<Shape, Refusal> {
        let include = match self.query.get("includeObject") {
            None | Some("Metadata") => Include::Metadata,
            Some("None") => Include::None,
            Some("Object") => Include::Object,
            Some(other) => {
                return Err(Refusal::bad_request(format!(
                    "unrecognized includeObject value: \"{other}\""
                )));
            }
        };
        accept::shape(header(self.headers, "accept"), include)
    }

    pub fn media_type(&self) -> String {
        body::media_type(header(self.headers, "content-type"))
    }

    /// The body as an object.
    pub fn object(&self) -> Result<Value, Refusal> {
        body::decode(&self.body, &self.media_type())
    }

    pub fn field_manager(&self) -> String {
        let agent = || {
            let agent = header(self.headers, "user-agent").unwrap_or("unknown");
            agent.split('/').next().unwrap_or("unknown").to_owned()
        };
        self.query.get("fieldManager").map_or_else(agent, str::to_owned)
    }

    pub fn dry_run(&self) -> Result<DryRun, Refusal> {
        Ok(if self.query.dry_run()? {
            DryRun::All
        } else {
            DryRun::No
        })
    }

    pub fn field_validation(&self) -> Result<FieldValidation, Refusal> {
        match self.query.get("fieldValidation") {
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some(other) => Err(Refusal::new(
                422,
                "Invalid",
                format!(
                    "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"{other}\": \
                     supported values: \"Ignore\", \"Strict\", \"Warn\""
                ),
            )),
        }
    }

    pub fn write_query(&self) -> Result<WriteQuery, Refusal> {
        Ok(WriteQuery {
            dry_run: self.dry_run()?,
            field_validation: self.field_validation()?,
            field_manager: Some(self.field_manager()),
        })
    }

    fn resource_version(&self) -> Result<Option<u64>, Refusal> {
        self.query
            .get("resourceVersion")
            .map(|text| {
                text.parse().map_err(|_| {
                    Refusal::bad_request(format!(
                        "Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
                    ))
                })
            })
            .transpose()
    }

    /// Selectors, paging and version of a list, a watch or a deletecollection.
    pub fn list_query(&self) -> Result<ListQuery, Refusal> {
        let at = self.at();
        let exact = match self.query.get("resourceVersionMatch") {
            Some("Exact") => Exact::Exact,
            None | Some("NotOlderThan") => Exact::NotOlderThan,
            Some(other) => {
                return Err(Refusal::bad_request(format!(
                    "resourceVersionMatch: Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\""
                )));
            }
        };
        let fields = self.query.get("fieldSelector").unwrap_or_default();
        Ok(ListQuery {
            namespace: self.target.namespace.clone(),
            labels: LabelSelector::parse(self.query.get("labelSelector").unwrap_or_default())?,
            fields: fields::parse(fields, &at.group, &at.plural)?,
            limit: usize::try_from(self.query.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX),
            continue_token: self.query.get("continue").map(str::to_owned),
            resource_version: self.resource_version()?,
            exact,
        })
    }
}

/// The verb of a request, in the words of access rules.
pub(super) fn verb(method: &str, target: &Target, query: &Query) -> Option<&'static str> {
    let one = target.name.is_some();
    Some(match (method, one) {
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) if query.flag("watch") => "watch",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", true) => "update",
        ("PATCH", true) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _other => return None,
    })
}

/// The attempt that a request is.
pub(super) fn attempt<'a>(verb: &'a str, target: &'a Target, resource: &'a str) -> Attempt<'a> {
    // A namespace is its own namespace, as far as rights go.
    let namespace = match (&target.namespace, target.plural.as_str()) {
        (Some(namespace), _) => namespace.as_str(),
        (None, "namespaces") if target.group.is_empty() => target.name.as_deref().unwrap_or_default(),
        (None, _) => "",
    };
    Attempt {
        verb,
        group: &target.group,
        resource,
        namespace,
        name: target.name.as_deref().unwrap_or_default(),
    }
}
