//! Every chain that the issue names, with its verdict, its reason and its paths.

use netprobe::chain::{Known, MAX_SERVED, Served};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, SanType, date_time_ymd,
};

use crate::party::{Case, HOST, NOW, Party, issuer_url, names, parse, recorded, words};

/// A root, an intermediate, and a server below it, in DER.
struct House {
    root: Party,
    root_der: Vec<u8>,
    middle: Party,
    middle_der: Vec<u8>,
    leaf_der: Vec<u8>,
}

fn house() -> House {
    house_of(Party::authority("root"), Party::authority("middle"), &Party::server())
}

fn house_of(root: Party, middle: Party, leaf: &Party) -> House {
    let (root_der, middle_der, leaf_der) =
        (root.self_signed(), middle.signed_by(&root), leaf.signed_by(&middle));
    House { root, root_der, middle, middle_der, leaf_der }
}

impl House {
    fn case(&self) -> Case {
        Case::new(&[&self.leaf_der, &self.middle_der], &[&self.root_der])
    }

    fn serve(&self, leaf: &Party) -> Case {
        Case::new(&[&leaf.signed_by(&self.middle), &self.middle_der], &[&self.root_der])
    }
}

#[test]
fn a_valid_chain_has_one_path_with_its_root() {
    let verdict = house().case().judge();
    assert_eq!((verdict.success(), verdict.reason()), (true, None));
    assert!(verdict.success_in_go());
    assert_eq!(names(&verdict), [["a server", "middle", "root"]]);
    assert_eq!(verdict.valid_until(), Some(1_893_456_000));
}

#[test]
fn the_server_s_own_faults_have_their_words() {
    let house = house();
    for (leaf, expected) in [
        (Party::server().years(2020, 2021), vec!["expired"]),
        (Party::server().years(2028, 2029), vec!["not_yet_valid"]),
        (Party::server().with(|params| params.subject_alt_names.clear()), vec!["hostname_mismatch"]),
        (
            Party::server().years(2020, 2021).with(|params| params.subject_alt_names.clear()),
            vec!["expired", "hostname_mismatch"],
        ),
        (
            Party::server()
                .with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            vec!["other"],
        ),
        (
            Party::server().with(|params| {
                let mut unknown = CustomExtension::from_oid_content(&[2, 999, 1], vec![5, 0]);
                unknown.set_criticality(true);
                params.custom_extensions.push(unknown);
            }),
            vec!["other"],
        ),
    ] {
        let verdict = house.serve(&leaf).judge();
        assert_eq!(words(&verdict), expected);
        let only_name = expected == ["hostname_mismatch"];
        assert_eq!(verdict.paths.len(), usize::from(only_name), "{expected:?}");
        assert!(!verdict.success_in_go());
    }
}

#[test]
fn both_ends_of_a_lifetime_are_valid() {
    let case = house().case();
    for (now, expected) in [
        (1_767_225_599, vec!["not_yet_valid"]),
        (1_767_225_600, vec![]),
        (1_893_456_000, vec![]),
        (1_893_456_001, vec!["expired"]),
    ] {
        let verdict = case.judge_for(Some(HOST), now);
        assert_eq!(verdict.faults.first().map(|fault| fault.as_str()), expected.first().copied(), "{now}");
    }
}

#[test]
fn an_address_needs_an_address() {
    let house = house();
    let with_ip = Party::server()
        .with(|params| params.subject_alt_names.push(SanType::IpAddress("192.0.2.7".parse().unwrap())));
    let named = Party::server()
        .with(|params| params.subject_alt_names.push(SanType::DnsName("192.0.2.7".try_into().unwrap())));
    for (leaf, name, expected) in [
        (&with_ip, "192.0.2.7", vec![]),
        (&with_ip, "192.0.2.8", vec!["hostname_mismatch"]),
        (&named, "192.0.2.7", vec!["hostname_mismatch"]),
        (&named, HOST, vec![]),
    ] {
        assert_eq!(words(&house.serve(leaf).judge_for(Some(name), NOW)), expected, "{name}");
    }
}

#[test]
fn an_expired_intermediate_is_named_unless_a_cross_signature_saves_the_day() {
    let house =
        house_of(Party::authority("root"), Party::authority("middle").years(2020, 2021), &Party::server());
    let verdict = house.case().judge();
    assert_eq!(words(&verdict), ["expired_intermediate"]);
    assert!(verdict.paths.is_empty());

    // another root signed the same intermediate, and the server sends both
    let other = Party::authority("other root");
    let middle = Party { key: house.middle.key, params: Party::authority("middle").params };
    let case = Case::new(
        &[&house.leaf_der, &house.middle_der, &middle.signed_by(&other)],
        &[&house.root_der, &other.self_signed()],
    );
    let verdict = case.judge();
    assert!(verdict.success(), "{:?}", verdict.faults);
    assert_eq!(names(&verdict), [["a server", "middle", "other root"]]);
}

#[test]
fn an_expired_root_in_the_store_is_worth_nothing() {
    let house =
        house_of(Party::authority("root").years(2020, 2021), Party::authority("middle"), &Party::server());
    assert_eq!(words(&house.case().judge()), ["expired_intermediate"]);
    let early =
        house_of(Party::authority("root").years(2028, 2029), Party::authority("middle"), &Party::server());
    assert_eq!(words(&early.case().judge()), ["not_yet_valid"]);
}

#[test]
fn cross_signatures_make_several_paths_and_the_longest_life_is_number_0() {
    let old = Party::authority("old root").years(2020, 2028);
    let new = Party::authority("new root").years(2020, 2040);
    let middle = Party::authority("middle");
    let leaf = Party::server();
    let (old_der, new_der) = (old.self_signed(), new.self_signed());
    let cross = new.signed_by(&old);
    let case = Case::new(
        &[&leaf.signed_by(&middle), &middle.signed_by(&new), &cross, &cross],
        &[&old_der, &new_der],
    );
    let verdict = case.judge();
    assert!(verdict.success());
    assert_eq!(
        names(&verdict),
        [vec!["a server", "middle", "new root"], vec!["a server", "middle", "new root", "old root"]]
    );
    let by_life: Vec<usize> = verdict.paths_by_life().iter().map(|path| path.len()).collect();
    assert_eq!(by_life, [3, 4]);

    // when only the old one is trusted, there is one way
    let verdict = Case { roots: vec![old_der], ..case }.judge();
    assert_eq!(names(&verdict), [["a server", "middle", "new root", "old root"]]);
}

#[test]
fn who_signed_what_decides_between_self_signed_unknown_and_incomplete() {
    let house = house();
    let stranger = Party::authority("stranger");
    let alone = Party::server();
    let with_url = Party::server().with(issuer_url);
    // subject and issuer are the same, and the signature is another's
    let same_name = Party::authority("a server");
    let root = &house.root_der[..];
    for (chain, expected) in [
        (vec![alone.self_signed()], "self_signed"),
        (
            vec![
                stranger
                    .with(|params| params.subject_alt_names = alone.params.subject_alt_names.clone())
                    .self_signed(),
            ],
            "self_signed",
        ),
        (vec![alone.signed_by(&same_name)], "unknown_authority"),
        (vec![alone.signed_by(&Party::authority("stranger"))], "unknown_authority"),
        (vec![with_url.signed_by(&Party::authority("stranger"))], "incomplete_chain"),
        (vec![with_url.signed_by(&Party::authority("root"))], "unknown_authority"),
        // the intermediate of the last certificate
        (
            vec![alone.signed_by(&Party::authority("new middle")), house.middle_der.clone()],
            "incomplete_chain",
        ),
    ] {
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        assert_eq!(words(&Case::new(&chain, &[root]).judge()), [expected]);
    }
    let stranger =
        house_of(Party::authority("stranger"), Party::authority("middle").with(issuer_url), &with_url);
    let (leaf, middle, top) = (&stranger.leaf_der, &stranger.middle_der, &stranger.root_der);
    assert_eq!(words(&Case::new(&[leaf, middle], &[root]).judge()), ["unknown_authority"]);
    assert_eq!(words(&Case::new(&[leaf, middle, top], &[root]).judge()), ["unknown_authority"]);
    assert_eq!(words(&Case::new(&[leaf, middle, top], &[]).judge()), ["unknown_authority"]);
}

#[test]
fn a_missing_intermediate_is_proved_by_another_server() {
    let house = house();
    let mut case = Case::new(&[&house.leaf_der], &[&house.root_der]);
    assert_eq!(words(&case.judge()), ["unknown_authority"], "nothing says that something is missing");
    let mut known = Known::default();
    known.learn(&house.case().judge().paths[0]);
    assert_eq!(known.len(), 1);
    case.known = known;
    assert_eq!(words(&case.judge()), ["incomplete_chain"]);
    assert!(case.judge().paths.is_empty(), "it proves, it does not mend");
}

#[test]
fn order_extras_and_duplicates_do_not_matter() {
    let house = house();
    let (leaf, middle, root) = (&house.leaf_der[..], &house.middle_der[..], &house.root_der[..]);
    let extra = Party::authority("extra").self_signed();
    for chain in [
        vec![leaf, root, middle],
        vec![leaf, &extra, middle, leaf],
        vec![leaf, middle, middle, middle],
        vec![leaf, b"\x30\x03no!", middle],
        vec![leaf, middle, root],
    ] {
        let verdict = Case::new(&chain, &[root]).judge();
        assert!(verdict.success(), "{:?}", verdict.faults);
        assert_eq!(names(&verdict), [["a server", "middle", "root"]]);
    }
    let verdict = Case::new(&[b"broken", middle], &[root]).judge();
    assert_eq!(words(&verdict), ["other"]);
    assert_eq!(words(&Case::new(&[], &[root]).judge()), ["other"]);
}

#[test]
fn a_leaf_that_is_trusted_itself_is_a_path_of_its_own() {
    // as the fixtures of other exporters are: one certificate that is authority, anchor and leaf
    let names_of_server = Party::server().params.subject_alt_names;
    let all = Party::authority("all in one").with(|params| params.subject_alt_names = names_of_server);
    let der = all.self_signed();
    let verdict = Case::new(&[&der], &[&der]).judge();
    assert!(verdict.success() && verdict.success_in_go(), "{:?}", verdict.faults);
    assert_eq!(names(&verdict), [["all in one"]]);
    let old = all.years(2020, 2021).self_signed();
    assert_eq!(words(&Case::new(&[&old], &[&old]).judge()), ["expired"]);
    // an authority as a server's certificate below another one: webpki refuses to look, Go does not
    let root = Party::authority("root");
    let below = Party::authority("below")
        .with(|params| params.subject_alt_names = Party::server().params.subject_alt_names);
    assert!(Case::new(&[&below.signed_by(&root)], &[&root.self_signed()]).judge().success());
}

#[test]
fn authorities_have_limits() {
    let leaf = Party::server();
    let limited = |authority: Party| {
        let root = authority;
        let (one, two) = (Party::authority("one"), Party::authority("two"));
        Case::new(
            &[&leaf.signed_by(&two), &two.signed_by(&one), &one.signed_by(&root)],
            &[&root.self_signed()],
        )
    };
    let only = |count| {
        Party::authority("root").with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(count)))
    };
    assert!(limited(only(2)).judge().success());
    assert_eq!(words(&limited(only(1)).judge()), ["other"]);
    // a server's certificate signs another: whoever has it could be everybody
    let house = house();
    let server = Party::server().with(|params| params.subject_alt_names.clear());
    let chain = [&leaf.signed_by(&server)[..], &server.signed_by(&house.root)];
    assert_eq!(words(&Case::new(&chain, &[&house.root_der]).judge()), ["other"]);
    // names that the authority may not sign
    for (permitted, expected) in [("example.com", vec![]), ("example.org", vec!["other"])] {
        let middle = Party::authority("middle").with(|params| {
            let permitted_subtrees = vec![GeneralSubtree::DnsName(permitted.to_owned())];
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        });
        let house = house_of(Party::authority("root"), middle, &leaf);
        assert_eq!(words(&house.case().judge()), expected, "{permitted}");
    }
}

#[test]
fn weak_signatures_and_keys_are_named() {
    let root = recorded("root.pem");
    for (file, root, in_go) in [
        ("sha1.pem", &root, false),
        ("rsa1024.pem", &root, true),
        ("under-rsa1024.pem", &recorded("root-rsa1024.pem"), true),
        ("md5.pem", &recorded("root-md5.pem"), false),
    ] {
        let verdict = Case::new(&[&recorded(file)], &[root]).judge_for(Some("localhost"), NOW);
        assert_eq!(words(&verdict), ["weak_signature"], "{file}");
        assert_eq!(verdict.success_in_go(), in_go, "{file}");
        assert_eq!(verdict.paths.len(), usize::from(in_go), "{file}");
    }
}

#[test]
fn modern_keys_are_well() {
    for kind in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512] {
        let root = Party::authority("root").with_key(kind);
        let middle = Party::authority("middle").with_key(kind);
        let house = house_of(root, middle, &Party::server().with_key(kind));
        assert_eq!(words(&house.case().judge()), Vec::<&str>::new());
    }
    let root = recorded("root.pem");
    for file in ["server.pem", "secp256k1.pem", "ed448.pem"] {
        let verdict = Case::new(&[&recorded(file)], &[&root]).judge_for(Some("localhost"), NOW);
        assert_eq!(words(&verdict), Vec::<&str>::new(), "{file}");
    }
}

#[test]
fn a_thousand_names_and_the_year_9999() {
    let house = house();
    let many = Party::server().with(|params| {
        let names = (0..1_000).map(|number| format!("host-{number}.example.com"));
        params.subject_alt_names = names.map(|name| SanType::DnsName(name.try_into().unwrap())).collect();
    });
    let verdict = house.serve(&many).judge_for(Some("host-999.example.com"), NOW);
    assert!(verdict.success());
    assert_eq!(verdict.paths[0][0].dns_names.len(), 1_000);

    let forever = |party: Party| {
        party.with(|params| {
            params.not_after = date_time_ymd(9999, 12, 31) + std::time::Duration::from_secs(86_399);
        })
    };
    let house = house_of(
        forever(Party::authority("root")),
        forever(Party::authority("middle")),
        &forever(Party::server()),
    );
    let verdict = house.case().judge();
    assert!(verdict.success(), "{:?}", verdict.faults);
    assert_eq!(verdict.valid_until(), Some(253_402_300_799));
}

#[test]
fn a_hostile_chain_costs_no_more_than_its_bound() {
    // 100 authorities of one name that all signed each other would make 100! paths
    let maze: Vec<Party> = (0..12).map(|_| Party::authority("maze")).collect();
    let leaf = Party::server();
    let mut chain = vec![leaf.signed_by(&maze[0])];
    for (index, one) in maze.iter().enumerate() {
        chain.extend(maze.iter().skip(index + 1).map(|other| one.signed_by(other)));
        chain.extend(maze.iter().take(index).map(|other| one.signed_by(other)));
    }
    let root = Party::authority("root").self_signed();
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    assert_eq!(words(&Case::new(&chain, &[&root]).judge()), ["unknown_authority"]);
    let served = Served::read(&chain, None);
    assert_eq!((served.chain.len(), served.ignored), (MAX_SERVED, chain.len() - MAX_SERVED));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where one byte of a chain is another, the verdict is never better, and nothing panics.
    #[test]
    fn a_changed_byte_never_helps(at in 0..4_000_usize, mask in 1..=u8::MAX) {
        let house = house();
        let mut case = Case::new(&[&house.leaf_der, &house.middle_der], &[&house.root_der]);
        let which = at % 2;
        let length = case.chain[which].len();
        case.chain[which][at % length] ^= mask;
        prop_assert!(!case.judge().success());
    }
}

#[test]
fn one_trusted_certificate_counts_once() {
    let root = Party::authority("root").self_signed();
    let (roots, bad) = netprobe::chain::Roots::of_der([&root[..], &root, b"nothing"]);
    assert_eq!((roots.len(), bad), (1, 1));
    assert!(roots.contains(&parse(&root)));
}
