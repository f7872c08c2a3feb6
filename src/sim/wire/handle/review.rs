//! Questions about rights: `SelfSubjectAccessReview`, `SelfSubjectRulesReview`, `SelfSubjectReview`.

use serde_json::{Value, json};

use crate::sim::wire::access::{self, Attempt};
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::users::User;

fn access_review(user: &User, mut review: Value) -> Answer {
    let spec = review["spec"].clone();
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    let resource = &spec["resourceAttributes"];
    let allowed = if resource.is_object() {
        let (plural, sub) = (text(&resource["resource"]), text(&resource["subresource"]));
        let full = if sub.is_empty() {
            plural
        } else {
            format!("{plural}/{sub}")
        };
        let attempt = Attempt {
            verb: &text(&resource["verb"]),
            group: &text(&resource["group"]),
            resource: &full,
            namespace: &text(&resource["namespace"]),
            name: &text(&resource["name"]),
        };
        access::allowed(user, &attempt)
    } else if spec["nonResourceAttributes"].is_object() {
        access::allowed_path(user, &text(&spec["nonResourceAttributes"]["path"]))
    } else {
        return Err(Refusal::new(
            422,
            "Invalid",
            "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: \
             exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ));
    };
    review["kind"] = "SelfSubjectAccessReview".into();
    review["apiVersion"] = "authorization.k8s.io/v1".into();
    review["metadata"] = json!({});
    review["status"] = json!({"allowed": allowed});
    Ok(Reply::created(review))
}

fn rules_review(user: &User, review: &Value) -> Answer {
    if review["spec"]["namespace"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        return Err(Refusal::bad_request("no namespace on request"));
    }
    Ok(Reply::created(json!({
        "kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {},
        "status": access::rules_review(user),
    })))
}

fn self_review(user: &User) -> Reply {
    Reply::created(json!({
        "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
        "status": {"userInfo": {"username": user.name, "groups": user.groups}},
    }))
}

/// The resources that are only asked, never kept: group, version, plural, kind.
pub(in crate::sim::wire) const REVIEWS: [(&str, &str, &str, &str); 3] = [
    (
        "authentication.k8s.io",
        "v1",
        "selfsubjectreviews",
        "SelfSubjectReview",
    ),
    (
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
    ),
    (
        "authorization.k8s.io",
        "v1",
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
    ),
];

/// Answers a `POST` of one of [`REVIEWS`].
pub(super) fn review(user: &User, plural: &str, review: Value) -> Answer {
    if !review.is_object() {
        return Err(Refusal::bad_request(
            "the object provided is unrecognized: it is not an object",
        ));
    }
    match plural {
        "selfsubjectaccessreviews" => access_review(user, review),
        "selfsubjectrulesreviews" => rules_review(user, &review),
        _self => Ok(self_review(user)),
    }
}
