//! What Prometheus' HTTP discovery is told about a cluster, in redis_exporter's form.

use serde_json::Value;

use super::topology::{Health, Topology};

/// The label of nodes that are down. Prometheus drops it after relabelling, so that targets are named as before.
const FAILED: &str = "__meta_redis_node_failed";

/// The document: one group with all nodes, and a second with those that the others hold to be dead, so that they can
/// be dropped by relabelling. They are not left out, for then nobody would see that they are down.
pub fn target_groups(topology: &Topology, tls: bool) -> String {
    let targets = |failed: bool| -> Vec<String> {
        let nodes = topology.nodes.iter().filter(|node| (node.health == Health::Failed) == failed);
        nodes.filter_map(|node| Some(node.target(tls)?.to_string())).collect()
    };
    let mut groups = vec![group(&targets(false), "{}")];
    let failed = targets(true);
    if !failed.is_empty() {
        groups.push(group(&failed, &format!("{{\n      \"{FAILED}\": \"true\"\n    }}")));
    }
    format!("[\n{}\n]", groups.join(",\n"))
}

fn group(targets: &[String], labels: &str) -> String {
    let targets: Vec<String> =
        targets.iter().map(|target| format!("\n      {}", Value::String(target.clone()))).collect();
    let end = if targets.is_empty() { "" } else { "\n    " };
    format!("  {{\n    \"targets\": [{}{end}],\n    \"labels\": {labels}\n  }}", targets.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_redis_exporters() {
        let text = "a 10.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-16383\n\
                    b fd00::1:7002@17002 slave a 0 0 1 connected\n\
                    c :0@0 master,noaddr - 0 0 1 connected\n\
                    d 10.0.0.4:7004@17004 handshake - 0 0 1 connected\n";
        let expected = "[
  {
    \"targets\": [
      \"redis://10.0.0.1:7001\",
      \"redis://[fd00::1]:7002\"
    ],
    \"labels\": {}
  }
]";
        assert_eq!(target_groups(&Topology::parse(text, false), false), expected);

        let text = "b 10.0.0.2:7002@17002 master,fail - 0 0 1 disconnected\n";
        let expected = "[
  {
    \"targets\": [],
    \"labels\": {}
  },
  {
    \"targets\": [
      \"rediss://10.0.0.2:7002\"
    ],
    \"labels\": {
      \"__meta_redis_node_failed\": \"true\"
    }
  }
]";
        assert_eq!(target_groups(&Topology::parse(text, false), true), expected);
        assert!(serde_json::from_str::<Value>(expected).is_ok());
    }
}
