//! What a Tile38 tells of itself, beside INFO.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::error::Reason;
use crate::fields::value;
use crate::output::Output;
use crate::reply::Reply;

/// Fields of SERVER EXT without `tile38_`, and the metric of each.
const TILE38_FIELDS: [(&str, Desc<'_>); 19] = [
    ("aof_size", gauge("tile38_aof_size_bytes", "Bytes of the append-only file (SERVER EXT aof_size).")),
    (
        "avg_point_size",
        gauge("tile38_avg_item_size_bytes", "Bytes of a point, on average (SERVER EXT avg_point_size)."),
    ),
    ("sys_cpus", gauge("tile38_cpus_total", "CPUs of the machine (SERVER EXT sys_cpus).")),
    (
        "heap_released_bytes",
        gauge("tile38_heap_released_bytes", "Bytes of the heap that were given back (SERVER EXT)."),
    ),
    ("heap_alloc_bytes", gauge("tile38_heap_size_bytes", "Bytes of the heap (SERVER EXT heap_alloc_bytes).")),
    ("http_transport", gauge("tile38_http_transport", "Whether HTTP is served (SERVER EXT http_transport).")),
    (
        "in_memory_size",
        gauge("tile38_in_memory_size_bytes", "Bytes of all objects, about (SERVER EXT in_memory_size)."),
    ),
    (
        "max_heap_size",
        gauge(
            "tile38_max_heap_size_bytes",
            "Most bytes of the heap; 0 is no limit (SERVER EXT max_heap_size).",
        ),
    ),
    ("alloc_bytes", gauge("tile38_mem_alloc_bytes", "Bytes allocated (SERVER EXT alloc_bytes).")),
    ("num_collections", gauge("tile38_num_collections_total", "Collections (SERVER EXT num_collections).")),
    ("num_hooks", gauge("tile38_num_hooks_total", "Hooks (SERVER EXT num_hooks).")),
    ("num_objects", gauge("tile38_num_objects_total", "Objects (SERVER EXT num_objects).")),
    ("num_points", gauge("tile38_num_points_total", "Points (SERVER EXT num_points).")),
    ("pointer_size", gauge("tile38_pointer_size_bytes", "Bytes of a pointer (SERVER EXT pointer_size).")),
    ("read_only", gauge("tile38_read_only", "Whether writes are refused (SERVER EXT read_only).")),
    ("go_threads", gauge("tile38_threads_total", "Threads (SERVER EXT go_threads).")),
    ("go_goroutines", gauge("tile38_go_goroutines_total", "Goroutines (SERVER EXT go_goroutines).")),
    (
        "last_gc_time_seconds",
        gauge("tile38_last_gc_time_seconds", "When garbage was last collected, in Unix time (SERVER EXT)."),
    ),
    (
        "next_gc_bytes",
        gauge("tile38_next_gc_bytes", "Bytes of the heap at which garbage is collected next (SERVER EXT)."),
    ),
];

const fn gauge(name: &'static str, help: &'static str) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels: &[] }
}

pub(super) const PART: Part = Part {
    name: "tile38",
    commands: &[Command::Tile38Server],
    metrics: || TILE38_FIELDS.map(|(_, desc)| desc).to_vec(),
    further: None,
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let reply = reading.answers.reply(Command::Tile38Server)?;
    for (name, text) in reply.into_iter().flat_map(Reply::pairs) {
        let Some(name) = name.text() else { continue };
        let name = name.strip_prefix("tile38_").unwrap_or(name);
        if let Some((_, desc)) = TILE38_FIELDS.iter().find(|(field, _)| *field == name) {
            output.add(desc, &[], text.text().map_or_else(|| text.number(), value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, texts};
    use super::*;

    #[test]
    fn fields_with_and_without_the_prefix() {
        let fields = [
            "tile38_aof_size",
            "12",
            "read_only",
            "false",
            "http_transport",
            "true",
            "tile38_id",
            "x1",
            "odd",
        ];
        let (lines, result) = render(PART, "", vec![(Command::Tile38Server, Ok(texts(&fields)))]);
        assert_eq!(lines, ["tile38_aof_size_bytes 12", "tile38_http_transport 1", "tile38_read_only 0"]);
        assert_eq!(result, Ok(()));
    }
}
