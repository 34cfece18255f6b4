// Package replication follows the write-ahead log of a database: it turns the stream
// of a logical replication slot into whole transactions of row changes.
//
// The laws, all of them tested on real servers:
//
//   - Only committed transactions come out, each once per stream, in the order of
//     their commits, and each whole: no event shows a part of one.
//   - The order of changes within a transaction is that of the log.
//   - The server is told that a position is flushed only by [Stream.Acknowledge].
//     Keepalives, time and what was merely received move nothing, so whatever was
//     not acknowledged is sent again after a crash of either side.
//   - Values are those of the send functions; the few types that have none travel as
//     text under settings that are pinned for the connection, whatever the defaults
//     of its role, database or server are.
//   - A transaction of any size needs bounded memory: see [Config.Memory].
//
// A connection from [Connect] is used for [Identify], [EnsureSlot] and [DropSlot], and
// then given away to [Start].
//
// Source: PostgreSQL documentation, Streaming Replication Protocol, Logical Streaming
// Replication Protocol and Logical Replication Message Formats.
package replication
