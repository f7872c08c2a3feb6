//! The JSON Schema of the format: made from the types, then given what the reader takes beyond them (short forms,
//! `${variables}`). A test holds it against the reader.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::model::{Playbook, Suite};
use super::parse::{MEASURES, PROBES};

/// The schema of a playbook, Draft 2020-12.
pub fn playbook_schema() -> Value {
    let mut schema = of::<Playbook>();
    schema["title"] = json!("firedrill playbook");
    version(&mut schema);
    require(&mut schema, &["firedrill"]);
    open_title(&mut schema);
    short_forms(&mut schema);
    check(&mut schema);
    steps(&mut schema);
    accept_variables(&mut schema);
    schema
}

/// The schema of a suite, Draft 2020-12.
pub fn suite_schema() -> Value {
    let mut schema = of::<Suite>();
    schema["title"] = json!("firedrill suite");
    version(&mut schema);
    open_title(&mut schema);
    schema["properties"]["playbooks"]["minItems"] = json!(1);
    schema
}

fn of<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    refuse_nothing(&mut schema);
    schema
}

/// A field without a value is left out, not written: takes `null` out of what may be left out.
fn refuse_nothing(schema: &mut Value) {
    let is_null = |one: &Value| one.get("type").is_some_and(|kind| kind == "null");
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            schema["type"] = kind.clone();
        }
    }
    if let Some(forms) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.retain(|form| !is_null(form));
        if let [Value::Object(only)] = forms.as_mut_slice() {
            let mut only = std::mem::take(only);
            if let Some(description) = schema.get("description") {
                only.insert("description".to_owned(), description.clone());
            }
            *schema = Value::Object(only);
        }
    }
    match schema {
        Value::Object(parts) => parts.values_mut().for_each(refuse_nothing),
        Value::Array(parts) => parts.iter_mut().for_each(refuse_nothing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn version(schema: &mut Value) {
    schema["properties"]["firedrill"] = json!({
        "description": "the version of this format", "const": 1,
    });
}

fn require(schema: &mut Value, fields: &[&str]) {
    if let Some(required) = schema["required"].as_array_mut() {
        for field in fields {
            if !required.iter().any(|one| one == field) {
                required.push(json!(field));
            }
        }
    }
}

fn definition<'s>(schema: &'s mut Value, name: &str) -> &'s mut Value {
    &mut schema["$defs"][name]
}

/// Languages are two letters; the reader refuses others, so that a slip in a field name is seen.
fn open_title(schema: &mut Value) {
    *definition(schema, "Title") = json!({
        "description": "text, or one text a language",
        "anyOf": [
            {"type": "string"},
            {
                "type": "object", "minProperties": 1, "additionalProperties": {"type": "string"},
                "propertyNames": {"pattern": "^[a-z]{2}(-[A-Za-z0-9]{2,8})?$"},
            },
        ],
    });
}

/// Steps whose list or text may stand alone.
fn short_forms(schema: &mut Value) {
    for (name, field) in [
        ("BriefStep", "text"),
        ("ChecklistStep", "items"),
        ("VerifyStep", "checks"),
        ("DebriefStep", "questions"),
    ] {
        let long = definition(schema, name).take();
        let short = long["properties"][field].clone();
        *definition(schema, name) = json!({"anyOf": [short, long]});
    }
    let manifest = json!({
        "type": "object",
        "description": "a Chaos Mesh manifest; only its `spec` is taken verbatim",
        "properties": {
            "apiVersion": {"const": "chaos-mesh.org/v1alpha1"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {"type": "object"},
        },
        "required": ["apiVersion", "kind", "spec"],
    });
    definition(schema, "Fault")["properties"]["chaos_mesh"] = manifest;
}

/// A check is one map with exactly one probe in it.
fn check(schema: &mut Value) {
    let mut check = definition(schema, "Check").take();
    let mut properties = Map::new();
    for variant in check["oneOf"].as_array().into_iter().flatten() {
        if let Some(fields) = variant["properties"].as_object() {
            properties.extend(fields.clone());
        }
    }
    // `pods_ready:` alone says all there is to say.
    for bare in ["pods_ready", "endpoints"] {
        let probe = properties.get(bare).cloned().unwrap_or_default();
        properties.insert(bare.to_owned(), json!({"anyOf": [probe, {"type": "null"}]}));
    }
    if let Some(own) = check["properties"].as_object() {
        properties.extend(own.clone());
    }
    let expect = json!({"type": "string", "description": "`all`, `>= 0.66`, `< 500ms`, `== 0`, `0.9..1.1`"});
    let measures: Map<String, Value> = MEASURES
        .iter()
        .map(|measure| ((*measure).to_owned(), expect.clone()))
        .collect();
    properties.insert(
        "expect".to_owned(),
        json!({"anyOf": [
            expect,
            {
                "type": "object", "description": "one expectation a measure of an `mqtt` probe",
                "properties": measures, "additionalProperties": false,
            },
        ]}),
    );
    let word = json!({"$ref": "#/$defs/When"});
    properties.insert(
        "when".to_owned(),
        json!({"anyOf": [word, {"type": "array", "minItems": 1, "items": word}]}),
    );
    // Only an MQTT probe has several measures.
    let one: Vec<Value> = PROBES
        .iter()
        .map(|probe| match *probe {
            "mqtt" => json!({"required": [probe]}),
            _ => json!({"required": [probe], "properties": {"expect": {"type": "string"}}}),
        })
        .collect();
    check["type"] = json!("object");
    check["properties"] = Value::Object(properties);
    check["additionalProperties"] = json!(false);
    check["required"] = json!(["id"]);
    check["oneOf"] = Value::Array(one);
    let measure = json!({"enum": MEASURES});
    definition(schema, "MqttProbe")["properties"]["measure"] = measure;
    *definition(schema, "Check") = check;
}

/// A step is a map with one key.
fn steps(schema: &mut Value) {
    let step = definition(schema, "Step").take();
    let mut properties = Map::new();
    for variant in step["oneOf"].as_array().into_iter().flatten() {
        if let Some(fields) = variant["properties"].as_object() {
            properties.extend(fields.clone());
        }
    }
    *definition(schema, "Step") = json!({
        "description": step["description"], "type": "object", "properties": properties,
        "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
    });
}

/// Any number, word, list or map may be a `${variable}` as a whole.
fn accept_variables(schema: &mut Value) {
    let variable = json!({"type": "string", "pattern": "^\\$\\{[A-Za-z_][A-Za-z0-9_-]*\\}$"});
    let root = schema["properties"].as_object_mut();
    for (name, field) in root.into_iter().flatten() {
        // The version and the variables themselves are plain.
        if name != "firedrill" && name != "vars" {
            accept(field, &variable);
        }
    }
    let definitions = schema["$defs"].as_object_mut();
    for (_, definition) in definitions.into_iter().flatten() {
        if definition.get("enum").is_some() || definition.get("type").is_some_and(|kind| kind == "string") {
            accept(definition, &variable);
        }
        inside(definition, &variable);
    }
}

fn inside(schema: &mut Value, variable: &Value) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, field) in fields.into_iter().flatten() {
        accept(field, variable);
    }
    let forms = schema.get_mut("anyOf").and_then(Value::as_array_mut);
    for form in forms.into_iter().flatten() {
        inside(form, variable);
    }
}

/// Lets a schema take a variable too, unless it takes any text already.
fn accept(schema: &mut Value, variable: &Value) {
    let is_text = schema.get("type").is_some_and(|kind| kind == "string");
    if is_text && schema.get("pattern").is_none() && schema.get("enum").is_none() {
        return;
    }
    let description = schema.get("description").cloned();
    let plain = schema.take();
    *schema = json!({"anyOf": [plain, variable]});
    if let Some(description) = description {
        schema["description"] = description;
    }
}
