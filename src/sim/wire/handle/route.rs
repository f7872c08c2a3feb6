//! From an HTTP request to a handler: who asks, what for, whether they may.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request};
use serde_json::json;

use super::{logs, patch, read, remove, review, scale, watch, write};
use crate::sim::wire::access::Attempt;
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::{Ask, attempt, header, verb};
use crate::sim::wire::state::State;
use crate::sim::wire::target::{Query, Target};
use crate::sim::wire::users::User;
use crate::sim::wire::{access, body, discovery, openapi};
use crate::sim::world::ResourceRef;

/// What everyone may ask, even without a token.
fn open_to_all(path: &str) -> Option<Reply> {
    Some(match path {
        "/healthz" | "/livez" | "/readyz" => Reply::text("ok"),
        "/version" | "/version/" => Reply::json(json!({
            "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
            "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": "v1.36.2+firedrill-sim",
            "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
            "compiler": "rustc", "platform": "linux/amd64",
        })),
        _other => return None,
    })
}

/// What describes the server rather than what it holds.
fn about_the_server(state: &State, parts: &Parts) -> Option<Answer> {
    let path = parts.uri.path().trim_end_matches('/');
    let accept = header(&parts.headers, "accept");
    if let Some(rest) = path.strip_prefix("/openapi/") {
        return Some(openapi::serve(state, rest, accept));
    }
    discovery::serve(state, path, accept, header(&parts.headers, "if-none-match"))
}

/// As whom the user acts: as themselves, or as someone that they have the right to be.
fn acting(state: &State, user: &User, named: Option<&str>) -> Result<User, Refusal> {
    let Some(named) = named else {
        return Ok(user.clone());
    };
    let attempt = Attempt {
        verb: "impersonate",
        group: "",
        resource: "users",
        namespace: "",
        name: named,
    };
    if access::allowed(user, &attempt) {
        Ok(state.users.impersonated(named))
    } else {
        Err(access::forbidden(user, &attempt))
    }
}

/// Answers one request.
pub(in crate::sim::wire) async fn handle(state: &State, request: Request<Body>) -> Answer {
    let (parts, body) = request.into_parts();
    let authorization = header(&parts.headers, "authorization");
    let user = state.users.authenticate(authorization);
    if user.is_none() && authorization.is_some() {
        return Err(Refusal::unauthorized());
    }
    if let Some(reply) = open_to_all(parts.uri.path()) {
        return Ok(reply);
    }
    let user = user.ok_or_else(Refusal::unauthorized)?;
    let acting = acting(state, user, header(&parts.headers, "impersonate-user"))?;
    let user = &acting;
    if parts.method == Method::GET
        && let Some(answer) = about_the_server(state, &parts)
    {
        return answer;
    }
    let target = Target::parse(parts.uri.path()).ok_or(Refusal::NoSuchPage)?;
    let body = body::read(body).await?;
    if let Some((_, _, plural, _)) = super::REVIEWS.iter().find(|(group, version, plural, _)| {
        *group == target.group && *version == target.version && *plural == target.plural
    }) {
        if parts.method != Method::POST {
            return Err(Refusal::method_not_allowed());
        }
        let media_type = body::media_type(header(&parts.headers, "content-type"));
        return review::review(user, plural, body::decode(&body, &media_type)?);
    }
    let at = ResourceRef::new(
        target.group.clone(),
        target.version.clone(),
        target.plural.clone(),
    );
    let resource = state
        .world
        .look(|world| world.resource(&at).cloned())
        .ok_or(Refusal::NoSuchPage)?;
    let query = Query::parse(parts.uri.query());
    let ask = Ask {
        state,
        user,
        target,
        resource,
        query,
        headers: &parts.headers,
        body,
    };
    dispatch(&ask, &parts.method)
}

fn dispatch(ask: &Ask<'_>, method: &Method) -> Answer {
    let target = &ask.target;
    let fits = match (&target.namespace, target.name.is_some()) {
        (Some(_), _) => ask.resource.is_namespaced(),
        (None, named) => !(named && ask.resource.is_namespaced()),
    };
    if !fits {
        return Err(Refusal::NoSuchPage);
    }
    let verb = verb(method.as_str(), target, &ask.query).ok_or_else(Refusal::method_not_allowed)?;
    let resource = match &target.subresource {
        Some(sub) => format!("{}/{sub}", target.plural),
        None => target.plural.clone(),
    };
    may(ask.user, verb, target, &resource)?;
    if let Some(sub) = target.subresource.as_deref() {
        return subresource(ask, sub, verb);
    }
    if !ask.resource.verbs.contains(&verb) {
        return Err(Refusal::method_not_allowed());
    }
    match verb {
        "get" => read::get(ask),
        "list" => read::list(ask),
        "watch" => watch::watch(ask),
        "create" if target.name.is_none() => write::create(ask),
        "update" => write::update(ask),
        "patch" => patch::patch(ask),
        "delete" => remove::delete(ask),
        "deletecollection" => remove::delete_collection(ask),
        _other => Err(Refusal::method_not_allowed()),
    }
}

fn may(user: &User, verb: &str, target: &Target, resource: &str) -> Result<(), Refusal> {
    let attempt = attempt(verb, target, resource);
    if access::allowed(user, &attempt) {
        Ok(())
    } else {
        Err(access::forbidden(user, &attempt))
    }
}

fn subresource(ask: &Ask<'_>, sub: &str, verb: &str) -> Answer {
    let served = ask
        .resource
        .subs
        .iter()
        .find(|one| one.name == sub)
        .ok_or(Refusal::NoSuchPage)?;
    if !served.verbs.contains(&verb) {
        return Err(Refusal::method_not_allowed());
    }
    match (sub, verb) {
        ("status", "get") => read::get(ask),
        ("status", "update") => write::update(ask),
        ("status", "patch") => patch::patch(ask),
        ("scale", "get") => scale::get(ask),
        ("scale", "update") => scale::set(ask, scale::Change::Replace),
        ("scale", "patch") => scale::set(ask, scale::Change::Patch),
        ("log", "get") => logs::logs(ask),
        ("eviction", "create") => remove::evict(ask),
        _unserved => Err(Refusal::NoSuchPage),
    }
}
