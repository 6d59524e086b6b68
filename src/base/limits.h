#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// A limit on everything, each with its reason. Tests go one past each.
namespace reeve::limits {

using namespace std::chrono_literals;

/// One event's payload: a tool result of a few MB must fit; a runaway must not fill the log.
inline constexpr std::size_t kEventPayload = 16 << 20;
/// Scopes of one event: town, agent, thread, run, task, mission, and some room.
inline constexpr std::size_t kEventScopes = 16;
/// Events in one commit: what one SQLite transaction or one Redis script call should carry.
inline constexpr std::size_t kCommitEvents = 4096;
/// A document: an agent or a task is far below; a task's text may be a pasted file.
inline constexpr std::size_t kDocument = 16 << 20;
/// Idempotency keys are remembered for this long (G9).
inline constexpr auto kIdempotencyTtl = 24h;
inline constexpr std::size_t kIdempotencyKey = 256;
/// One page of anything read from a store.
inline constexpr std::size_t kPage = 1000;
/// Bytes of payloads in a page of events, and of bodies in a page of a snapshot: large ones come in
/// smaller pages, so that a few readers cannot fill the memory. A page has at least one.
inline constexpr std::size_t kPageBytes = 8 << 20;
/// Events that one step of retention removes, or prunes: a few milliseconds of the writer's time.
inline constexpr std::size_t kRetentionStep = 500;
/// Rows that one filtered read of the log looks at: some ten milliseconds of a reader's time.
inline constexpr std::size_t kScanRows = 10'000;
/// Scopes, and kinds, that one reader may ask for: each costs a look-up per read.
inline constexpr std::size_t kFilterTerms = 256;
/// A document's kind, id or mark, a queue, an item, a lease, a holder: UUIDs and names with a
/// prefix.
inline constexpr std::size_t kStoreName = 512;
/// An outbox lane's name, and a row's key: together they are a document's id.
inline constexpr std::size_t kOutboxName = 128;
/// How often an outbox row may be tried: more would be for ever.
inline constexpr int kOutboxAttempts = 1000;
/// Rows of one lane that are being delivered at a time.
inline constexpr std::size_t kOutboxInFlight = 256;
/// A webhook's body: receivers commonly refuse more; a larger event is told without its payload.
inline constexpr std::size_t kWebhookBody = 1 << 20;
/// Subscriptions of one town: each event that they want is kept once for each of them.
inline constexpr std::size_t kWebhooks = 64;
/// Deliveries of one webhook that wait: what comes behind waits in the log, which has it anyway.
inline constexpr std::size_t kWebhookBacklog = 5'000;
/// Dead letters of one webhook at which it is disabled: nobody is there any more.
inline constexpr std::size_t kWebhookDead = 1'000;
/// Marks of one document: state, owner, mission, and some room.
inline constexpr std::size_t kDocMarks = 32;
/// Preconditions, and writes, in one commit: a mission of a few hundred items is planned in one.
inline constexpr std::size_t kCommitWrites = 4096;
/// One line of a CLI's stream: results of several MB occur; beyond this the line is cut and kept as
/// a raw event.
inline constexpr std::size_t kStreamLine = 64 << 20;
/// What one round may write to its output files before it is stopped with `output_limit`.
inline constexpr std::uint64_t kRoundOutput = 1ULL << 30;
/// A round's spec.json: argv and environment, which the kernel limits to a quarter of the stack
/// (2 MB by default), as JSON.
inline constexpr std::size_t kRoundSpec = 8 << 20;
/// The other small files of a round (claim, stop request, exit status).
inline constexpr std::size_t kRoundNote = 64 << 10;
/// How much of a process' environment is searched for a round's mark: more than the kernel lets in.
inline constexpr std::size_t kProcessEnvironment = 8 << 20;
/// Read from a round's output in one call: a few hundred events, a fraction of a millisecond.
inline constexpr std::size_t kTailRead = 1 << 20;
/// A line that no dialect knows, or a line of stderr, as an event: enough to see what it is; the
/// round's files have the rest.
inline constexpr std::size_t kRawLine = 64 << 10;
/// The end of a plain command's output that becomes its answer.
inline constexpr std::size_t kPlainAnswer = 64 << 10;
/// A run's final text, and text that waits for the end of its message: models answer with less than
/// this in one message, and it is saved with every commit of a round.
inline constexpr std::size_t kAnswer = 256 << 10;
/// The end of stderr that a failure's message may quote.
inline constexpr std::size_t kComplaint = 2 << 10;
/// A script of `reeve agent-script`: written by hand.
inline constexpr std::size_t kScriptFile = 1 << 20;
/// What a command that such a script runs may say; a tool result of a real CLI is cut earlier.
inline constexpr std::size_t kScriptOutput = 1 << 20;
/// The longest line that such a script can be told to write: past kStreamLine, so that the limit
/// can be tried.
inline constexpr std::size_t kScriptBig = 256 << 20;
/// Tool calls of one round that wait for their results at the same time; CLIs stop at some twenty.
inline constexpr std::size_t kOpenCalls = 256;
/// A prompt on argv: it is public and the kernel limits one argument to 128 KiB. Longer ones go by
/// standard input.
inline constexpr std::size_t kArgvPrompt = 100 << 10;
/// A message or task text: with its escapes as JSON and what stands around it, it is a document and
/// an event.
inline constexpr std::size_t kText = 12 << 20;
/// A round's prompt: a task's text, a message's, and how to report.
inline constexpr std::size_t kPrompt = 2 * kText + (1 << 20);
/// A request body at any door.
inline constexpr std::size_t kRequestBody = 32 << 20;
/// An agent's name, a town's name.
inline constexpr std::size_t kName = 64;
/// What joins a question and its answers: an id of whoever asks, and some room.
inline constexpr std::size_t kCorrelation = 256;
/// An HTTP request's line and headers: tokens and cookies are a few KB; this is what a stranger may
/// make us keep before we know who it is.
inline constexpr std::size_t kHttpHead = 32 << 10;
/// A URL that our own client asks for: what servers commonly take in a request's line.
inline constexpr std::size_t kUrl = 8 << 10;
/// Unused connections that our own client keeps to one origin: as many as are asked at a time in
/// quiet moments.
inline constexpr std::size_t kKeptConnections = 4;
/// Connections that one server holds at a time: below the usual 1024 descriptors of a process, with
/// room for the store and for children.
inline constexpr std::size_t kConnections = 768;
/// A response body that our own client reads whole: a page of events, each at its limit, is asked
/// for as a stream instead.
inline constexpr std::size_t kResponseBody = 64 << 20;
/// One answer of Redis: a page of events, each at its limit, is read in smaller pages.
inline constexpr std::size_t kRedisReply = 64 << 20;
/// Values in it, which take some twenty times their bytes here: ten times a page of the log with
/// what stands around each event.
inline constexpr std::size_t kRedisValues = 1 << 20;
/// What is asked of Redis in one go: a commit with a few documents at their limit. Redis itself
/// takes 1 GB from one client.
inline constexpr std::size_t kRedisRequest = 256 << 20;
/// Commands in one go.
inline constexpr std::size_t kRedisPipeline = 64 << 10;
/// Bytes of everything that waits for one Redis: beyond it nothing more is taken on.
inline constexpr std::size_t kRedisWaiting = 512 << 20;
/// Nodes of a Redis Cluster that are remembered: it is not made for more than 1,000.
inline constexpr std::size_t kRedisNodes = 1'000;
/// One server-sent message: an event's payload with what stands around it.
inline constexpr std::size_t kSseMessage = kEventPayload + (1 << 20);
/// How often a message is tried before it goes to the dead letters.
inline constexpr int kMessageAttempts = 3;
/// A tool call, where the tool does not say: a test suite runs this long.
inline constexpr auto kToolTimeout = 120s;
/// What a model is shown of a tool's result, where the tool does not say: some 16,000 tokens.
inline constexpr std::size_t kToolOutput = 64 << 10;
/// A key or token from a variable or a file: tokens with claims in them reach a few KB.
inline constexpr std::size_t kSecret = 16 << 10;
/// What is sent to a model: beyond the longest context of any, images in it included.
inline constexpr std::size_t kModelRequest = 64 << 20;
/// What a model answers, with its reasoning and the arguments of its calls: the longest outputs are
/// some 128,000 tokens.
inline constexpr std::size_t kModelAnswer = 8 << 20;
/// One message of a model's stream: most hold a word, some the whole answer.
inline constexpr std::size_t kModelMessage = kModelAnswer + (1 << 20);
/// How often one call of a model may be tried: with the pauses between, some minutes.
inline constexpr int kProviderTries = 10;
/// What a model's server says of an error, as far as it is told on.
inline constexpr std::size_t kModelComplaint = 1 << 10;
/// A text that a schema's pattern is held against: std::regex recurses for each character, and the
/// stack is 8 MB.
inline constexpr std::size_t kPatternText = 4 << 10;
/// What one tool call may tell while it runs; the rest is in its result.
inline constexpr std::size_t kToolDeltas = 4 << 20;
/// JSON nesting: deep enough for tool schemas, shallow enough for the stack.
inline constexpr std::size_t kJsonDepth = 128;

}  // namespace reeve::limits
