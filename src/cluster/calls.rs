//! Single requests about chaos objects: create, get, list, delete, annotate. Each ends in time. Never retries.

use k8s_openapi::api::core::v1::{Event, Namespace};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request;
use serde_json::{Value, json};

use super::connect::REQUEST;
use super::kinds::{ChaosKind, GROUP};
use super::{ApiFault, ChaosObject, Cluster};
use crate::fault::ChaosRef;

/// What a delete came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// Marked for deletion, or gone already; the watch tells.
    Asked,
    /// There was nothing of this name and uid.
    Absent,
}

/// Whether a request changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Checked by the server and its webhooks, and not kept.
    DryRun,
    Real,
}

fn scope(namespace: Option<&str>) -> String {
    namespace.map_or_else(
        || "in every namespace".to_owned(),
        |namespace| format!("in {namespace}"),
    )
}

pub(crate) fn right(verb: &str, plural: &str, namespace: Option<&str>) -> String {
    format!("{verb} {plural}.{GROUP} {}", scope(namespace))
}

impl Cluster {
    fn chaos_api(&self, kind: &ChaosKind, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = kind.resource();
        match namespace {
            Some(namespace) => Api::namespaced_with(self.calls(), namespace, &resource),
            None => Api::all_with(self.calls(), &resource),
        }
    }

    /// Creates a chaos object; unknown fields are refused, never dropped in silence. Also the object as the
    /// server would keep it, defaults filled in.
    pub async fn create_chaos(
        &self,
        object: &ChaosRef,
        manifest: &Value,
        field: Field,
    ) -> Result<(ChaosObject, Value), ApiFault> {
        let kind = ChaosKind::of(object);
        let path = format!(
            "/apis/{GROUP}/{}/namespaces/{}/{}",
            kind.version, object.namespace, kind.plural
        );
        let params = PostParams {
            dry_run: field == Field::DryRun,
            field_manager: Some("firedrill".to_owned()),
        };
        let broken = |why: String| ApiFault::Refused {
            code: 400,
            message: why,
        };
        let body = serde_json::to_vec(manifest).map_err(|error| broken(error.to_string()))?;
        let mut request = Request::new(path)
            .create(&params, body)
            .map_err(|error| broken(error.to_string()))?;
        // The server gives up when the client does: after that nothing can still be made.
        let strict = format!(
            "{}&fieldValidation=Strict&timeout={}s",
            request.uri(),
            REQUEST.as_secs()
        );
        *request.uri_mut() = strict
            .parse()
            .map_err(|_| broken(format!("no address: {strict}")))?;
        let made: DynamicObject = self.calls().request(request).await.map_err(|error| {
            ApiFault::of(&error, || right("create", &kind.plural, Some(&object.namespace)))
        })?;
        Ok((ChaosObject::read(&kind, &made), made.data))
    }

    pub async fn get_chaos(&self, object: &ChaosRef) -> Result<Option<ChaosObject>, ApiFault> {
        let kind = ChaosKind::of(object);
        let api = self.chaos_api(&kind, Some(&object.namespace));
        match api.get_opt(&object.name).await {
            Ok(found) => Ok(found.map(|found| ChaosObject::read(&kind, &found))),
            Err(error) => Err(ApiFault::of(&error, || {
                right("get", &kind.plural, Some(&object.namespace))
            })),
        }
    }

    /// Every object of a kind, page by page; `selector` is a label selector, empty for all.
    pub async fn list_chaos(
        &self,
        kind: &ChaosKind,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<ChaosObject>, ApiFault> {
        let api = self.chaos_api(kind, namespace);
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let params = ListParams {
                continue_token: token,
                ..ListParams::default().limit(500).labels(selector)
            };
            let page = api
                .list(&params)
                .await
                .map_err(|error| ApiFault::of(&error, || right("list", &kind.plural, namespace)))?;
            found.extend(page.items.iter().map(|object| ChaosObject::read(kind, object)));
            token = page.metadata.continue_.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Whether objects of a kind may be listed there. One small page is asked for.
    pub async fn may_list(&self, kind: &ChaosKind, namespace: Option<&str>) -> Result<(), ApiFault> {
        let page = self
            .chaos_api(kind, namespace)
            .list_metadata(&ListParams::default().limit(1))
            .await;
        page.map(|_| ())
            .map_err(|error| ApiFault::of(&error, || right("list", &kind.plural, namespace)))
    }

    /// Deletes exactly the object of this uid; another one of the same name is left alone.
    pub async fn delete_chaos(&self, object: &ChaosRef, uid: &str) -> Result<Deleted, ApiFault> {
        let kind = ChaosKind::of(object);
        let only = Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        };
        let api = self.chaos_api(&kind, Some(&object.namespace));
        match api
            .delete(&object.name, &DeleteParams::background().preconditions(only))
            .await
        {
            Ok(_) => Ok(Deleted::Asked),
            Err(error) => {
                match ApiFault::of(&error, || right("delete", &kind.plural, Some(&object.namespace))) {
                    ApiFault::NotFound => Ok(Deleted::Absent),
                    ApiFault::Conflict { message } if message.contains("UID") => Ok(Deleted::Absent),
                    fault => Err(fault),
                }
            }
        }
    }

    /// Tells a Workflow to stop, so that its nodes do not make their chaos again.
    pub async fn abort_workflow(&self, object: &ChaosRef) -> Result<(), ApiFault> {
        let kind = ChaosKind::of(object);
        let patch = json!({"metadata": {"annotations": {"workflow.chaos-mesh.org/abort": "true"}}});
        self.chaos_api(&kind, Some(&object.namespace))
            .patch(&object.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .map(|_| ())
            .map_err(|error| ApiFault::of(&error, || right("patch", &kind.plural, Some(&object.namespace))))
    }

    /// Takes all finalizers off exactly the object of this uid. What they held back does not happen any more: the
    /// fault may stay where it is.
    pub async fn force_chaos(&self, object: &ChaosRef, uid: &str) -> Result<Deleted, ApiFault> {
        let kind = ChaosKind::of(object);
        // A uid in a patch is a precondition.
        let patch = json!({"metadata": {"uid": uid, "finalizers": null}});
        let patched = self
            .chaos_api(&kind, Some(&object.namespace))
            .patch(&object.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await;
        match patched {
            Ok(_) => Ok(Deleted::Asked),
            Err(error) => {
                match ApiFault::of(&error, || right("patch", &kind.plural, Some(&object.namespace))) {
                    ApiFault::NotFound => Ok(Deleted::Absent),
                    ApiFault::Conflict { message } if message.contains("UID") => Ok(Deleted::Absent),
                    fault => Err(fault),
                }
            }
        }
    }

    /// What the cluster told about an object and has not forgotten yet (it does so after an hour or so).
    pub async fn events_about(&self, object: &ChaosRef) -> Result<Vec<Event>, ApiFault> {
        let api: Api<Event> = Api::namespaced(self.calls(), &object.namespace);
        let params = ListParams::default().fields(&format!("involvedObject.name={}", object.name));
        let listed = api
            .list(&params)
            .await
            .map_err(|error| ApiFault::of(&error, || format!("list events in {}", object.namespace)))?;
        let about = |event: &Event| event.involved_object.kind.as_deref() == Some(&object.kind);
        Ok(listed.items.into_iter().filter(about).collect())
    }

    /// The latest warning that the cluster gave about an object.
    pub async fn latest_warning(&self, object: &ChaosRef) -> Option<String> {
        let events = self.events_about(object).await.ok()?;
        events
            .into_iter()
            .filter(|event| event.type_.as_deref() == Some("Warning"))
            .max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0))
            .and_then(|event| event.message)
    }

    /// What a webhook says to a change that changes nothing: with the webhook away no status is written and no
    /// finalizer goes, while deletes are still taken.
    pub async fn webhook_refusal(&self, object: &ChaosRef) -> Option<String> {
        let kind = ChaosKind::of(object);
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let api = self.chaos_api(&kind, Some(&object.namespace));
        let patch = json!({"metadata": {"annotations": {}}});
        match api.patch(&object.name, &params, &Patch::Merge(&patch)).await {
            Err(kube::Error::Api(status)) if status.message.contains("webhook") => {
                Some(status.message.clone())
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// The names of all namespaces.
    pub async fn namespaces(&self) -> Result<Vec<String>, ApiFault> {
        let api: Api<Namespace> = Api::all(self.calls());
        let listed = api
            .list(&ListParams::default())
            .await
            .map_err(|error| ApiFault::of(&error, || "list namespaces".to_owned()))?;
        Ok(listed
            .items
            .into_iter()
            .filter_map(|one| one.metadata.name)
            .collect())
    }

    /// Whether the API server answers at all. An open watch does not prove it.
    pub async fn ping(&self) -> Result<(), ApiFault> {
        let answer = self.calls().apiserver_version().await;
        answer
            .map(|_| ())
            .map_err(|error| ApiFault::of(&error, || "read the version".to_owned()))
    }
}
