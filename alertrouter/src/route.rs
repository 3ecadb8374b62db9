//! The route tree: which receivers an alert goes to, exactly as Alertmanager decides it.
//!
//! Pure: a tree and labels in, routes out. Settings are inherited when the tree is built, so that a match needs no
//! walk back to the root.
//!
//! Invariants: the root matches everything, so that no alert is ever without a route; a node wins only when none of
//! its children matched; a child that matched stops its siblings unless it says `continue`.

mod index;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::Position;

use crate::intervals::{self, Intervals};
use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::moment::Moment;
use index::Index;

/// A node of the tree with everything it inherits already in it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Path of matchers from the root, as in Alertmanager's group key: `{}/{owner="team-A"}`.
    pub key: String,
    /// The same with the place of each node among its siblings, so that two equal ones differ: `{}/{owner="team-A"}/0`.
    pub id: String,
    /// Where it stands in the file.
    pub position: Position,
    /// The receiver's name.
    pub receiver: Arc<str>,
    /// How alerts are put together.
    pub group_by: GroupBy,
    /// How long a new group waits (kept for the day we group ourselves; the sender has waited already).
    pub group_wait: Duration,
    /// How long the sender waits between two messages of one group.
    pub group_interval: Duration,
    /// After how long a group that still fires is told again.
    pub repeat_interval: Duration,
    /// Its own labels and those of its parents; its own go before.
    pub labels: Labels,
    /// While one of them contains the time, the route says nothing. Not inherited.
    pub mute: Vec<Arc<Intervals>>,
    /// When there are some, the route speaks only while one of them contains the time. Not inherited.
    pub active: Vec<Arc<Intervals>>,
    matchers: Vec<Matcher>,
    goes_on: bool,
    children: Vec<Self>,
    index: Index,
}

/// How the alerts of a route are put into groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// As the sender grouped them: nothing was said about it on the way from the root.
    Sender,
    /// By these labels.
    Labels(Vec<String>),
    /// Each alert by itself (`...`).
    Everything,
}

/// What a node says itself; what it leaves out comes from its parent.
#[derive(Debug, Default)]
pub struct Node {
    /// Where it stands in the file.
    pub position: Option<Position>,
    /// `receiver`
    pub receiver: Option<Arc<str>>,
    /// `matchers`, `match` and `match_re` together
    pub matchers: Vec<Matcher>,
    /// `continue`
    pub goes_on: bool,
    /// `group_by`
    pub group_by: Option<GroupBy>,
    /// `group_wait`
    pub group_wait: Option<Duration>,
    /// `group_interval`
    pub group_interval: Option<Duration>,
    /// `repeat_interval`
    pub repeat_interval: Option<Duration>,
    /// `labels`
    pub labels: Labels,
    /// `mute_time_intervals`
    pub mute: Vec<Arc<Intervals>>,
    /// `active_time_intervals`
    pub active: Vec<Arc<Intervals>>,
    /// `routes`
    pub routes: Vec<Self>,
}

/// One step of a search, for people who ask why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How deep in the tree.
    pub depth: usize,
    /// The node's key.
    pub key: String,
    /// The receiver when this node is a result.
    pub chosen: Option<Arc<str>>,
    /// Whether its matchers matched.
    pub matched: bool,
}

/// Alertmanager's defaults.
const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_mins(5);
const REPEAT_INTERVAL: Duration = Duration::from_hours(4);

impl Route {
    /// Builds the tree. The root's receiver is empty when it has none; the configuration refuses that before.
    pub fn build(root: Node) -> Self {
        let parent = Self {
            key: String::new(),
            id: String::new(),
            position: START,
            receiver: Arc::from(""),
            group_by: GroupBy::Sender,
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            labels: Labels::default(),
            mute: Vec::new(),
            active: Vec::new(),
            matchers: Vec::new(),
            goes_on: false,
            children: Vec::new(),
            index: Index::default(),
        };
        Self::under(&parent, root, None)
    }

    fn under(parent: &Self, node: Node, place: Option<usize>) -> Self {
        let mut matchers = node.matchers;
        matchers.sort_by(Matcher::order);
        let shown = shown(&matchers);
        let mut route = Self {
            key: below(&parent.key, &shown, None),
            id: below(&parent.id, &shown, place),
            position: node.position.unwrap_or(START),
            receiver: node.receiver.unwrap_or_else(|| parent.receiver.clone()),
            group_by: node.group_by.unwrap_or_else(|| parent.group_by.clone()),
            group_wait: node.group_wait.unwrap_or(parent.group_wait),
            group_interval: node.group_interval.unwrap_or(parent.group_interval),
            repeat_interval: node.repeat_interval.unwrap_or(parent.repeat_interval),
            // of a name given twice the last one stays
            labels: parent.labels.iter().chain(node.labels.iter()).collect(),
            mute: node.mute,
            active: node.active,
            matchers,
            goes_on: node.goes_on,
            children: Vec::new(),
            index: Index::default(),
        };
        let children = node.routes.into_iter().enumerate();
        route.children = children.map(|(place, child)| Self::under(&route, child, Some(place))).collect();
        route.index = Index::of(&route.children);
        route
    }

    /// Until when the route says nothing; `None` when it speaks now. What it takes is silent then, and not for another
    /// route. At that moment it must be asked again.
    pub fn muted(&self, now: Moment) -> Option<Moment> {
        intervals::muted(&self.mute, &self.active, now)
    }

    /// What an alert must satisfy to come here from the parent.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Whether an alert that was taken here is offered to the next siblings, too.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// The nodes below, in order.
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// The routes an alert takes, in the order of the tree; a receiver can be named twice.
    pub fn matches(&self, labels: &Labels) -> Vec<&Self> {
        let mut chosen = Vec::with_capacity(1);
        self.search(labels, 0, &mut chosen, &mut |_, _, _| {});
        chosen
    }

    /// The same search with each step that was taken.
    pub fn explain(&self, labels: &Labels) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut chosen = Vec::new();
        self.search(labels, 0, &mut chosen, &mut |route, depth, matched| {
            steps.push((depth, std::ptr::from_ref(route), route.key.clone(), matched));
        });
        let chosen: Vec<_> =
            chosen.iter().map(|route| (std::ptr::from_ref(*route), route.receiver.clone())).collect();
        let receiver =
            |route| chosen.iter().find(|(known, _)| *known == route).map(|(_, receiver)| receiver.clone());
        steps
            .into_iter()
            .map(|(depth, route, key, matched)| Step { depth, key, chosen: receiver(route), matched })
            .collect()
    }

    /// Every node of the tree, parents first.
    pub fn walk(&self) -> Vec<&Self> {
        let mut nodes = vec![self];
        for child in &self.children {
            nodes.extend(child.walk());
        }
        nodes
    }

    fn search<'a>(
        &'a self,
        labels: &Labels,
        depth: usize,
        chosen: &mut Vec<&'a Self>,
        visit: &mut impl FnMut(&'a Self, usize, bool),
    ) -> bool {
        let matched = self.matchers.iter().all(|matcher| matcher.matches(labels));
        visit(self, depth, matched);
        if !matched {
            return false;
        }
        let before = chosen.len();
        for child in self.index.candidates(&self.children, labels) {
            if child.search(labels, depth + 1, chosen, visit) && !child.goes_on {
                break;
            }
        }
        if chosen.len() == before {
            chosen.push(self);
        }
        true
    }
}

impl GroupBy {
    /// The labels that name an alert's group.
    pub fn labels(&self, alert: &Labels, sender: &Labels) -> Labels {
        match self {
            Self::Sender => sender.clone(),
            Self::Labels(names) => alert.only(names),
            Self::Everything => alert.clone(),
        }
    }
}

/// A node's matchers as Alertmanager shows them: `{a="1",b=~"x.*"}`.
pub fn shown(matchers: &[Matcher]) -> String {
    let mut text = "{".to_owned();
    for (at, matcher) in matchers.iter().enumerate() {
        // writing to a String cannot fail
        let _infallible = write!(text, "{}{matcher}", if at == 0 { "" } else { "," });
    }
    text.push('}');
    text
}

fn below(parent: &str, matchers: &str, place: Option<usize>) -> String {
    let slash = if parent.is_empty() { "" } else { "/" };
    let place = place.map(|place| format!("/{place}")).unwrap_or_default();
    format!("{parent}{slash}{matchers}{place}")
}

/// Where a node stands that no file holds.
const START: Position = Position { line: 1, column: 1 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher;

    fn node(receiver: &str, matchers: &str, routes: Vec<Node>) -> Node {
        Node {
            receiver: (!receiver.is_empty()).then(|| Arc::from(receiver)),
            matchers: matcher::ParserMode::Fallback.parse(matchers).unwrap().matchers,
            routes,
            ..Node::default()
        }
    }

    fn minutes(count: u64) -> Duration {
        Duration::from_mins(count)
    }

    fn by(names: &[&str]) -> GroupBy {
        GroupBy::Labels(names.iter().map(|&name| name.to_owned()).collect())
    }

    /// Alertmanager's own tree of cases (research 3.7, R1, and its variant with `matchers`, R2).
    fn tree(first: &str, first_child: &str) -> Route {
        Route::build(node(
            "notify-def",
            "",
            vec![
                node(
                    "notify-A",
                    first,
                    vec![
                        Node {
                            group_by: Some(GroupBy::Everything),
                            ..node("notify-testing", first_child, vec![])
                        },
                        Node {
                            group_wait: Some(minutes(1)),
                            goes_on: true,
                            ..node("notify-productionA", "env=production", vec![])
                        },
                        Node {
                            group_interval: Some(minutes(5)),
                            repeat_interval: Some(minutes(60)),
                            group_wait: Some(Duration::from_secs(30)),
                            group_by: Some(by(&["job"])),
                            ..node("notify-productionB", "env=~\"produ.*\",job=~\".*\"", vec![])
                        },
                    ],
                ),
                Node {
                    group_by: Some(by(&["foo", "bar"])),
                    group_wait: Some(minutes(2)),
                    ..node("notify-BC", "owner=~\"team-(B|C)\"", vec![])
                },
                Node {
                    group_by: Some(by(&["role"])),
                    ..node(
                        "",
                        "group_by=role",
                        vec![node(
                            "notify-testing",
                            "env=testing",
                            vec![Node { group_wait: Some(minutes(2)), ..node("", "wait=long", vec![]) }],
                        )],
                    )
                },
            ],
        ))
    }

    fn check(tree: &Route, labels: &[(&str, &str)], expected: &[(&str, u64)]) {
        let labels: Labels = labels.iter().copied().collect();
        let found: Vec<(&str, u64)> = tree
            .matches(&labels)
            .into_iter()
            .map(|route| (&*route.receiver, route.group_wait.as_secs()))
            .collect();
        assert_eq!(found, expected, "{labels}");
        let explained: Vec<Arc<str>> =
            tree.explain(&labels).into_iter().filter_map(|step| step.chosen).collect();
        assert_eq!(explained.len(), expected.len(), "{labels}");
    }

    #[test]
    fn alertmanagers_cases() {
        let tree = tree("owner=team-A", "env=testing");
        for (labels, expected) in [
            (&[("owner", "team-A")][..], &[("notify-A", 30)][..]),
            (&[("owner", "team-A"), ("env", "unset")], &[("notify-A", 30)]),
            (&[("owner", "team-C")], &[("notify-BC", 120)]),
            (&[("owner", "team-A"), ("env", "testing")], &[("notify-testing", 30)]),
            (
                &[("owner", "team-A"), ("env", "production")],
                &[("notify-productionA", 60), ("notify-productionB", 30)],
            ),
            (&[("group_by", "role")], &[("notify-def", 30)]),
            (&[("env", "testing"), ("group_by", "role")], &[("notify-testing", 30)]),
            (&[("env", "testing"), ("group_by", "role"), ("wait", "long")], &[("notify-testing", 120)]),
            (&[("owner", "team-Bx")], &[("notify-def", 30)]),
            (&[], &[("notify-def", 30)]),
        ] {
            check(&tree, labels, expected);
        }
    }

    #[test]
    fn negative_matchers() {
        let tree = tree("owner=team-A,level!=critical", "env=testing,baz!~\".*quux\"");
        check(&tree, &[("owner", "team-A"), ("level", "critical")], &[("notify-def", 30)]);
        check(&tree, &[("owner", "team-A"), ("env", "testing"), ("baz", "xquux")], &[("notify-A", 30)]);
    }

    #[test]
    fn order_and_inheritance() {
        let tree = tree("owner=team-A", "env=testing");
        let walk: Vec<&str> = tree.walk().into_iter().map(|route| &*route.receiver).collect();
        assert_eq!(
            walk,
            [
                "notify-def",
                "notify-A",
                "notify-testing",
                "notify-productionA",
                "notify-productionB",
                "notify-BC",
                "notify-def",
                "notify-testing",
                "notify-testing"
            ]
        );
        let keys: Vec<&str> = tree.walk().into_iter().map(|route| route.key.as_str()).collect();
        assert_eq!(keys.get(1), Some(&r#"{}/{owner="team-A"}"#));
        assert_eq!(keys.get(5), Some(&r#"{}/{owner=~"team-(B|C)"}"#));
        assert_eq!(keys.get(8), Some(&r#"{}/{group_by="role"}/{env="testing"}/{wait="long"}"#));
        let group_by: Vec<&GroupBy> = tree.walk().into_iter().map(|route| &route.group_by).collect();
        assert_eq!(group_by.get(8), Some(&&by(&["role"])));
        assert_eq!(group_by.first(), Some(&&GroupBy::Sender));
    }

    #[test]
    fn what_children_inherit() {
        let labels = |pairs: &[(&str, &str)]| -> Labels { pairs.iter().copied().collect() };
        let weekend = Arc::new(Intervals { name: "weekend".into(), list: Vec::new() });
        let tree = Route::build(Node {
            labels: labels(&[("team", "team-A")]),
            group_by: Some(GroupBy::Everything),
            routes: vec![
                Node {
                    labels: labels(&[("team", "team-A-testing")]),
                    active: vec![weekend.clone()],
                    routes: vec![node("", "", vec![])],
                    ..node("a", "foo=bar", vec![])
                },
                Node {
                    labels: labels(&[("severity", "production")]),
                    group_by: Some(by(&[])),
                    mute: vec![weekend],
                    routes: vec![node("", "bar=baz", vec![])],
                    ..node("a", "foo=bar", vec![])
                },
            ],
            ..node("root", "", vec![])
        });
        let nodes = tree.walk();
        let ids: Vec<&str> = nodes.iter().map(|route| route.id.as_str()).collect();
        let equal = [r#"{}/{foo="bar"}/0"#, r#"{}/{foo="bar"}/1"#];
        let below = [format!("{}/{{}}/0", equal[0]), format!(r#"{}/{{bar="baz"}}/0"#, equal[1])];
        assert_eq!(ids, ["{}", equal[0], &below[0], equal[1], &below[1]]);
        let found: Vec<&Labels> = nodes.iter().map(|route| &route.labels).collect();
        let testing = labels(&[("team", "team-A-testing")]);
        let production = labels(&[("severity", "production"), ("team", "team-A")]);
        assert_eq!(found, [&labels(&[("team", "team-A")]), &testing, &testing, &production, &production]);
        // no grouping at all is not the same as nothing said, and is inherited
        let grouping: Vec<&GroupBy> = nodes.iter().map(|route| &route.group_by).collect();
        let (everything, nothing) = (&GroupBy::Everything, &by(&[]));
        assert_eq!(grouping, [everything, everything, everything, nothing, nothing]);
        // times are not inherited; a list without any time contains none
        let now = Moment::now();
        let silent: Vec<bool> = nodes.iter().map(|route| route.muted(now).is_some()).collect();
        assert_eq!(silent, [false, true, false, false, false]);
    }

    #[test]
    fn an_index_changes_no_answer() {
        let children = |count: usize| -> Vec<Node> {
            let matchers = ["a=x1", "a=~\"x1|x2\"", "a!=x1", "b=y", "a=~\"x.*\"", "a=\"\"", "a=~\"x1|\",b=y"];
            (0..count)
                .map(|at| Node {
                    goes_on: at % 3 != 2,
                    ..node(&format!("r{at}"), matchers[at % matchers.len()], vec![])
                })
                .collect()
        };
        let wide = Route::build(node("root", "", children(21)));
        // the same children, asked one by one
        let asked = |labels: &Labels| {
            let mut names = Vec::new();
            for child in
                wide.children().iter().filter(|child| child.matchers.iter().all(|m| m.matches(labels)))
            {
                names.push(child.receiver.clone());
                if !child.goes_on {
                    break;
                }
            }
            names
        };
        for pairs in
            [&[][..], &[("a", "x1")], &[("a", "x2")], &[("a", "x3"), ("b", "y")], &[("b", "y")], &[("a", "")]]
        {
            let labels: Labels = pairs.iter().copied().collect();
            let found: Vec<Arc<str>> =
                wide.matches(&labels).into_iter().map(|route| route.receiver.clone()).collect();
            let expected = asked(&labels);
            assert_eq!(
                found,
                if expected.is_empty() { vec![Arc::from("root")] } else { expected },
                "{labels}"
            );
        }
    }
}
