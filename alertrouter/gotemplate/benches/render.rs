//! A message about a group of 50 alerts, from Go's template and from the equal one of minijinja.
//!
//! `cargo bench -p gotemplate`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gotemplate::{Templates, to_value};
use minijinja::value::Serde;
use minijinja::{Environment, Value};

const ALERTS: usize = 50;

/// Every label and annotation of every alert, a choice, and a call of another template for each.
const GO: &str = r#"{{ define "link" }}{{ .url }}?receiver={{ .receiver }}{{ end -}}
[{{ .status }}{{ if eq .status "firing" }}:{{ len .alerts }}{{ end }}] {{ .group.alertname }}
{{ range .alerts }}{{ if eq .status "firing" }}Firing{{ else }}Resolved{{ end }}
Labels:
{{ range $name, $value := .labels }} - {{ $name }} = {{ $value }}
{{ end }}Annotations:
{{ range $name, $value := .annotations }} - {{ $name }} = {{ $value }}
{{ end }}Source: {{ .source }}
{{ end }}{{ template "link" . }}"#;

const JINJA: &str = r#"[{{ status }}{% if status == "firing" %}:{{ alerts|length }}{% endif %}] {{ group.alertname }}
{% for alert in alerts %}{% if alert.status == "firing" %}Firing{% else %}Resolved{% endif %}
Labels:
{% for name, value in alert.labels|items %} - {{ name }} = {{ value }}
{% endfor %}Annotations:
{% for name, value in alert.annotations|items %} - {{ name }} = {{ value }}
{% endfor %}Source: {{ alert.source }}
{% endfor %}{{ url }}?receiver={{ receiver }}"#;

/// The shortest of messages, as most titles are.
const GO_TITLE: &str =
    r#"[{{ .status }}{{ if eq .status "firing" }}:{{ len .alerts }}{{ end }}] {{ .group.alertname }}"#;
const JINJA_TITLE: &str =
    r#"[{{ status }}{% if status == "firing" %}:{{ alerts|length }}{% endif %}] {{ group.alertname }}"#;

type Labels = BTreeMap<&'static str, String>;

fn labels(number: usize, names: &[&'static str]) -> Labels {
    names.iter().map(|name| (*name, format!("{name}-{number}.example.org:9100"))).collect()
}

fn alert(number: usize) -> impl serde::Serialize {
    let fields: BTreeMap<&str, Part> = BTreeMap::from([
        ("status", Part::Text(if number.is_multiple_of(5) { "resolved" } else { "firing" }.to_owned())),
        (
            "labels",
            Part::Labels(labels(number, &["alertname", "cluster", "instance", "job", "severity", "team"])),
        ),
        ("annotations", Part::Labels(labels(number, &["description", "runbook_url", "summary"]))),
        ("source", Part::Text(format!("http://prometheus:9090/graph?g0.expr=up{number}"))),
    ]);
    fields
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Labels(Labels),
}

#[derive(serde::Serialize)]
struct Data<A> {
    status: &'static str,
    receiver: &'static str,
    url: &'static str,
    group: Labels,
    alerts: Vec<A>,
}

fn data() -> impl serde::Serialize {
    Data {
        status: "firing",
        receiver: "team-x",
        url: "http://alertmanager:9093/#/alerts",
        group: labels(0, &["alertname"]),
        alerts: (0..ALERTS).map(alert).collect(),
    }
}

fn render(criterion: &mut Criterion) {
    let data = data();
    let (ours, theirs) = (to_value(&data).unwrap(), Value::from(Serde(&data)));
    let set = Templates::text();
    let (mut lines, mut environment) = (Vec::new(), Environment::new());
    for (name, go, jinja) in [("alerts", GO, JINJA), ("title", GO_TITLE, JINJA_TITLE)] {
        environment.add_template(name, jinja).unwrap();
        lines.push((name, set.one(go).unwrap()));
    }
    for (name, template) in &lines {
        let jinja = environment.get_template(name).unwrap();
        assert_eq!(template.render_text(&ours).unwrap(), jinja.render(theirs.clone()).unwrap());
        criterion.bench_function(&format!("{name}/gotemplate"), |bencher| {
            bencher.iter(|| template.render(black_box(&ours)));
        });
        criterion.bench_function(&format!("{name}/minijinja"), |bencher| {
            bencher.iter(|| jinja.render(black_box(theirs.clone())));
        });
    }
    criterion.bench_function("parse", |bencher| bencher.iter(|| set.one(black_box(GO))));
}

criterion_group!(benches, render);
criterion_main!(benches);
