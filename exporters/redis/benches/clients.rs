//! CLIENT LIST of 10,000 clients (2.6 MB) counted: at most 15 ms.
//!
//! `cargo bench -p redis-exporter --bench clients`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use redis_exporter::collectors::clients::census::Census;

const CLIENTS: usize = 10_000;

/// As Redis 7.2 writes it: each client with an address of its own, one of 50 names and 5 users.
fn list() -> String {
    let line = |n: usize| {
        format!(
            "id={n} addr=10.0.{}.{}:44130 laddr=10.0.0.1:6379 fd={n} name=worker-{} age={n} idle={} flags=N db={} \
             sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=20474 argv-mem=0 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0 \
             omem=0 tot-mem=22272 events=r cmd=get user=app-{} redir=-1 resp=2 lib-name=redis-py lib-ver=5.0.1\n",
            n / 256,
            n % 256,
            n % 50,
            n % 4000,
            n % 3,
            n % 5,
        )
    };
    (0..CLIENTS).map(line).collect::<Vec<_>>().concat()
}

fn census(bench: &mut Criterion) {
    let list = list();
    bench.bench_function("census_of_10000_clients", |bencher| {
        bencher.iter(|| Census::of(black_box(list.as_bytes())));
    });
}

criterion_group!(benches, census);
criterion_main!(benches);
