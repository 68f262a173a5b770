// Package node is an event store in one process: it speaks EventStoreDB's gRPC protocol, so the official clients use
// it like a real single node, and keeps the log on local disk with Pebble. What it acknowledges, and what it shows to
// readers and subscribers, is on disk.
//
// A test that needs an event store has one in three lines, in memory, on a free port, ended with the test:
//
//	n, err := node.Start(context.Background(), node.Options{})
//	t.Cleanup(func() { n.Stop() })
//	config, err := esdb.ParseConnectionString(n.ConnectionString())
//
// # Limits
//
// What a caller sends:
//
//	stream name              1 to 4,096 bytes of UTF-8
//	name of a group          1 to 1,024 bytes
//	data of one append       1,048,576 bytes, as an original allows unless told otherwise
//	all of one append        16 MiB, each event counted with 128 bytes more: at most 131,072 events
//	one message              17 MiB
//	a BatchAppend call       1,024 writes and 32 MiB begun and not complete, 1,024 writes not answered; 2 s for a write
//	a filter                 1,000 prefixes, or a regular expression of RE2 of at most 4,096 bytes
//	refused appends          64 MiB, 100,000 messages or 3 s are heard out before the refusal is sent
//
// What all callers together may occupy:
//
//	connections              1,024, further ones wait
//	open calls               8,192, on one connection 4,096; an idle subscription costs about 10 KiB
//	appends being received   512 MiB
//	appends on a slow disk   2,048 wait for it, further ones are refused
//	pages on their way       128 MiB, and about 150 KiB for each further reader that takes nothing
//
// Beside that, memory is Options.CacheBytes and up to three times Options.MemtableBytes; of a log in memory, the log.
//
// Positions count records from 1, commit and prepare position are the same, and none is skipped or given twice.
// Revisions count from 0 in each stream; 9223372036854775807 is the one that ends a stream for ever.
//
// # What is left out
//
// Consuming persistent subscription groups (they can be created and nothing more), projections, users and access lists
// in the log, scavenging, clusters, and the HTTP interface except /health/live. docs/node.md says where the node
// differs from an original on purpose, and which test stands for which promise.
package node
