//! The schemas themselves: those of the built-in kinds as the Kubernetes project publishes them, by way of
//! their Rust types. Made once a process, when first asked for.

use std::sync::LazyLock;

use k8s_openapi::api::{
    admissionregistration::v1 as admission, apps::v1 as apps, autoscaling::v1 as autoscaling,
    batch::v1 as batch, coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery,
    events::v1 as events, policy::v1 as policy, rbac::v1 as rbac,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::sim::world::resource::CRDS;
use crate::sim::world::{Name, Resource, World};

/// Where a schema refers to another.
pub(super) const REFERENCE: &str = "#/components/schemas/";

/// All schemas of built-in kinds, by name.
pub(super) static BUILT_IN: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut settings = SchemaSettings::openapi3();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    roots(&mut generator);
    generator.take_definitions(true)
});

macro_rules! roots {
    ($($kind:ty),* $(,)?) => {
        fn roots(generator: &mut SchemaGenerator) {
            $(generator.subschema_for::<$kind>();)*
        }
    };
}

roots! {
    core::ConfigMap, core::Endpoints, core::Event, core::Namespace, core::Node, core::PersistentVolumeClaim,
    core::Pod, core::ReplicationController, core::Secret, core::ServiceAccount, core::Service,
    apps::ControllerRevision, apps::DaemonSet, apps::Deployment, apps::ReplicaSet, apps::StatefulSet,
    events::Event, discovery::EndpointSlice, coordination::Lease, batch::Job, batch::CronJob,
    policy::PodDisruptionBudget, policy::Eviction, rbac::Role, rbac::RoleBinding, rbac::ClusterRole,
    rbac::ClusterRoleBinding, admission::MutatingWebhookConfiguration, admission::ValidatingWebhookConfiguration,
    apiextensions::CustomResourceDefinition, autoscaling::Scale, meta::ObjectMeta, meta::DeleteOptions,
}

/// The name of a resource's schema.
pub(super) fn name_of(resource: &Resource) -> String {
    let (group, version, kind) = (
        resource.at.group.as_ref(),
        resource.at.version.as_ref(),
        resource.kind.as_ref(),
    );
    match group {
        "" => format!("io.k8s.api.core.{version}.{kind}"),
        "apiextensions.k8s.io" => {
            format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{kind}")
        }
        group if group.ends_with(".k8s.io") || !group.contains('.') => {
            let first = group.split('.').next().unwrap_or_default();
            format!("io.k8s.api.{first}.{version}.{kind}")
        }
        group => {
            let reversed: Vec<&str> = group.split('.').rev().collect();
            format!("{}.{version}.{kind}", reversed.join("."))
        }
    }
}

/// A resource and, where it is defined by an object in the world, the schema that the object gives.
pub(super) struct Served {
    pub resource: Resource,
    defined: Option<Value>,
}

/// Everything that is served, in discovery's order.
pub(super) fn served(world: &World) -> Vec<Served> {
    let with_definition = |resource: &Resource| {
        let name = Name::cluster(resource.at.qualified());
        let definition = resource
            .is_custom()
            .then(|| world.get(&CRDS, &name).ok())
            .flatten();
        let defined = definition.and_then(|definition| {
            let versions = definition["spec"]["versions"].as_array()?;
            let version = versions
                .iter()
                .find(|version| version["name"] == *resource.at.version)?;
            version["schema"].get("openAPIV3Schema").cloned()
        });
        Served {
            resource: resource.clone(),
            defined,
        }
    };
    world.resources().map(with_definition).collect()
}

/// The schema of one resource, with the kind it stands for.
pub(super) fn schema_of(served: &Served) -> Value {
    let resource = &served.resource;
    let mut schema = BUILT_IN
        .get(&name_of(resource))
        .cloned()
        .unwrap_or_else(|| custom(served));
    schema["x-kubernetes-group-version-kind"] =
        json!([{"group": resource.at.group, "version": resource.at.version, "kind": resource.kind}]);
    schema
}

/// A custom kind: what its definition says, in the frame that every object has.
fn custom(served: &Served) -> Value {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let defined = served.defined.clone().filter(Value::is_object);
    let mut schema =
        defined.unwrap_or_else(|| json!({"type": "object", "properties": {"spec": open, "status": open}}));
    let frame = [
        (
            "apiVersion",
            json!({"type": "string", "description": "The versioned schema of this representation of an object."}),
        ),
        (
            "kind",
            json!({"type": "string", "description": "The REST resource that this object represents."}),
        ),
        (
            "metadata",
            json!({
                "description": "Standard object's metadata.",
                "allOf": [{"$ref": format!("{REFERENCE}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")}],
            }),
        ),
    ];
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    for (name, part) in frame {
        schema["properties"][name] = part;
    }
    schema
}
