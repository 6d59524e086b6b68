#!/usr/bin/env node
// A model on loopback that says what it is told to, for real agent CLIs: Anthropic Messages and
// OpenAI Responses, streaming. No dependencies.
//
//   node model_endpoint.js [--port 0] [--log FILE]
//
// Prints "listening on http://127.0.0.1:PORT" and serves until it is terminated. What the model
// does is a scenario's name: the last `[[NAME]]` that a user wrote in the conversation, else the
// base URL's, http://127.0.0.1:PORT/s/NAME, else `ok`:
//
//   ok            answers with a sentence that counts the tasks of this conversation
//   think         the same, with reasoning before it
//   tool          runs one shell command that writes tool-out.txt, then answers
//   toolfail      runs one that fails, then answers
//   edit          writes edit-out.txt with the CLI's tool for editing, then answers
//   slow          a word every fifth of a second, for a minute
//   brief         the same, for three seconds
//   hang          never answers
//   trunc         the connection breaks off in the middle of the answer
//   e401 e403 e404 e429 e500 e529 ectx   an error of that status (ectx: the prompt is too long)
//   e429once e500once ...                the first time only
//   limit         a subscription's limit is reached (429), for the next twelve seconds; then it answers
'use strict';
const fs = require('node:fs');
const http = require('node:http');

function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 && at + 1 < process.argv.length ? process.argv[at + 1] : otherwise;
}
const logFile = option('log', '');
const log = (entry) => logFile && fs.appendFileSync(logFile, JSON.stringify(entry) + '\n');

// Behind a shell of its own, so that a CLI that looks at commands cannot tell that it only writes a file.
const kCommand = "sh -c 'echo made-by-tool > tool-out.txt && cat tool-out.txt'";
const kFailingCommand = 'echo oops >&2; exit 3';
const kSlowWords = 300;
const kBriefWords = 15;
const kSlowPause = 200;
const kLimitSeconds = 12;

let lastId = 0;
const newId = (prefix) => `${prefix}_${(++lastId).toString(36).padStart(8, '0')}`;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// --- what was asked --------------------------------------------------------------------------

const textOf = (content) =>
  typeof content === 'string' ? content : (content || []).map((part) => part.text || '').join('\n');

/// The conversation as entries in order: {user: TEXT} and {result: true} for a tool's result.
function entriesOf(dialect, body) {
  const entries = [];
  if (dialect === 'anthropic') {
    for (const message of body.messages || []) {
      if (message.role !== 'user') continue;
      if (Array.isArray(message.content) && message.content.some((part) => part.type === 'tool_result'))
        entries.push({ result: true });
      entries.push({ user: textOf(message.content) });
    }
  } else {
    const input = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : body.input;
    for (const item of input || []) {
      if ((item.type || '').endsWith('_output')) entries.push({ result: true });
      else if (item.role === 'user') entries.push({ user: textOf(item.content) });
    }
  }
  return entries;
}

/// {scenario, tasks: how many were named so far, results: of tools, since the last one}
function understand(dialect, body, fromUrl) {
  const asked = { scenario: fromUrl, tasks: 0, results: 0 };
  for (const entry of entriesOf(dialect, body)) {
    if (entry.result) asked.results++;
    for (const mark of (entry.user || '').matchAll(/\[\[([a-z0-9]+)\]\]/g)) {
      asked.scenario = mark[1];
      asked.tasks++;
      asked.results = 0;
    }
  }
  return asked;
}

/// The tools on offer: {name, properties, required, kind}.
function toolsOf(body) {
  return (body.tools || []).flatMap((tool) => {
    const schema = tool.input_schema || tool.parameters || {};
    const name = tool.name || tool.type;
    return [{ name, properties: schema.properties || {}, required: schema.required || [], kind: tool.type }];
  });
}

// --- what the model does ---------------------------------------------------------------------

/// Values for what a tool requires beyond what we want to say.
function complete(tool, given) {
  const all = { ...given };
  for (const name of tool.required) {
    if (name in all) continue;
    const type = [].concat((tool.properties[name] || {}).type || 'string')[0];
    all[name] = { boolean: false, number: 1000, integer: 1000, array: [], object: {} }[type] ?? 'scripted';
  }
  return all;
}

function shellCall(tools, command) {
  const tool = tools.find((each) => /^(bash|shell|shell_command|exec_command|local_shell)$/i.test(each.name));
  if (!tool) return null;
  const key = ['command', 'cmd'].find((each) => tool.properties[each]) || 'command';
  const takesList = (tool.properties[key] || {}).type === 'array';
  return { tool, input: complete(tool, { [key]: takesList ? ['bash', '-lc', command] : command }) };
}

function editCall(tools, folder) {
  const writer = tools.find((each) => each.name === 'Write');
  if (writer) {
    return { tool: writer, input: { file_path: `${folder}/edit-out.txt`, content: 'made-by-edit\n' } };
  }
  const patch = '*** Begin Patch\n*** Add File: edit-out.txt\n+made-by-edit\n*** End Patch\n';
  const patcher = tools.find((each) => each.name === 'apply_patch');
  if (patcher) return { tool: patcher, input: patcher.kind === 'custom' ? patch : { input: patch } };
  return shellCall(tools, `apply_patch <<'EOF'\n${patch}EOF`);
}

/// {thought, text, call}: one turn of the model.
function turn(asked, body) {
  const tools = toolsOf(body);
  if (asked.results === 0 && ['tool', 'toolfail', 'edit'].includes(asked.scenario)) {
    const folder = (/(?:Primary working directory|Working directory|<cwd>)[: ]*([^\n<]+)/.exec(JSON.stringify(body).replaceAll('\\n', '\n')) || [])[1];
    const call =
      asked.scenario === 'edit'
        ? editCall(tools, (folder || '.').trim())
        : shellCall(tools, asked.scenario === 'tool' ? kCommand : kFailingCommand);
    if (call) return { text: 'I will use a tool.', call };
    return { text: `No such tool was offered, only: ${tools.map((each) => each.name).join(' ')}` };
  }
  if (asked.results > 0) return { text: 'The tool has answered. All done.' };
  const words = { slow: kSlowWords, brief: kBriefWords }[asked.scenario];
  if (words) return { text: Array.from({ length: words }, (_, i) => `word${i} `).join(''), between: kSlowPause };
  const text = `Hello from the scripted model, task ${asked.tasks} of this conversation.`;
  return asked.scenario === 'think' ? { thought: 'Let me think for a moment.', text } : { text };
}

const kErrors = {
  e401: [401, 'authentication_error', 'invalid_api_key', 'invalid x-api-key'],
  e403: [403, 'permission_error', 'permission_denied', 'this key may not use the resource'],
  e404: [404, 'not_found_error', 'model_not_found', 'there is no such model'],
  e429: [429, 'rate_limit_error', 'rate_limit_exceeded', 'this request would exceed the rate limit'],
  e500: [500, 'api_error', 'server_error', 'Internal server error'],
  e529: [529, 'overloaded_error', 'overloaded', 'Overloaded'],
  ectx: [400, 'invalid_request_error', 'context_length_exceeded', 'prompt is too long: 250000 tokens > 200000 maximum'],
};

function refuse(response, dialect, name) {
  const [status, type, code, message] = kErrors[name];
  const headers = { 'content-type': 'application/json', 'request-id': newId('req') };
  if (status === 429 || status === 529) {
    headers['retry-after'] = '1';
    const reset = new Date(Date.now() + 60_000);
    headers['anthropic-ratelimit-requests-remaining'] = '0';
    headers['anthropic-ratelimit-requests-reset'] = reset.toISOString();
    headers['anthropic-ratelimit-unified-reset'] = String(Math.floor(reset / 1000));
    headers['x-ratelimit-reset-requests'] = '60s';
  }
  response.writeHead(status, headers);
  response.end(
    JSON.stringify(
      dialect === 'anthropic'
        ? { type: 'error', error: { type, message }, request_id: headers['request-id'] }
        : { error: { message, type, param: null, code } },
    ),
  );
}

const limitOver = new Map(); // a dialect's, in seconds since 1970

/// What a subscription is told that has used what it may: Anthropic says when it is renewed in its
/// headers, OpenAI in the body. False: it may ask again.
function limit(response, dialect) {
  const now = Date.now() / 1000;
  if (!limitOver.has(dialect)) limitOver.set(dialect, Math.ceil(now) + kLimitSeconds);
  const reset = limitOver.get(dialect);
  if (now >= reset) return false;
  log({ limited: dialect, reset });
  const headers = { 'content-type': 'application/json', 'request-id': newId('req'), 'retry-after': String(Math.ceil(reset - now)) };
  let error = { type: 'usage_limit_reached', message: 'The usage limit has been reached', plan_type: 'plus', resets_at: reset };
  if (dialect === 'anthropic') {
    headers['anthropic-ratelimit-unified-status'] = 'rejected';
    headers['anthropic-ratelimit-unified-representative-claim'] = 'five_hour';
    headers['anthropic-ratelimit-unified-reset'] = String(reset);
    headers['anthropic-ratelimit-unified-5h-status'] = 'rejected';
    headers['anthropic-ratelimit-unified-5h-reset'] = String(reset);
    error = { type: 'rate_limit_error', message: 'This request would exceed your account\'s rate limit.' };
  }
  response.writeHead(429, headers);
  response.end(JSON.stringify(dialect === 'anthropic' ? { type: 'error', error, request_id: headers['request-id'] } : { error }));
  return true;
}

// --- how it is told --------------------------------------------------------------------------

const pieces = (text) => text.match(/.{1,10}/gs) || [];
const tokens = (text) => Math.max(1, Math.ceil(text.length / 4));

/// Server-sent events; write() answers whether somebody still listens.
class Stream {
  constructor(response, cutsOff, between) {
    this.response = response;
    this.cutsOff = cutsOff;
    this.between = between || 0;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'request-id': newId('req') });
  }
  event(data) {
    if (!this.response.destroyed) this.response.write(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
  }
  /// A piece of the answer; false: it goes no further.
  async piece(data) {
    if (this.response.destroyed) return false;
    this.event(data);
    if (this.cutsOff) {
      await pause(20);
      this.response.destroy();
      return false;
    }
    if (this.between) await pause(this.between);
    return true;
  }
}

async function tellAnthropic(response, body, asked, said) {
  const usage = { input_tokens: 42, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 };
  const message = { id: newId('msg'), type: 'message', role: 'assistant', model: body.model, content: [], stop_reason: null, stop_sequence: null, usage };
  const blocks = [];
  if (said.thought) blocks.push({ type: 'thinking', thinking: said.thought, signature: 'c2lnbmVk' });
  blocks.push({ type: 'text', text: said.text });
  if (said.call) blocks.push({ type: 'tool_use', id: newId('toolu'), name: said.call.tool.name, input: said.call.input });
  const stop_reason = said.call ? 'tool_use' : 'end_turn';
  const output_tokens = tokens(said.text);
  if (!body.stream) {
    response.writeHead(200, { 'content-type': 'application/json', 'request-id': newId('req') });
    response.end(JSON.stringify({ ...message, content: blocks, stop_reason, usage: { ...usage, output_tokens } }));
    return;
  }
  const stream = new Stream(response, asked.scenario === 'trunc', said.between);
  stream.event({ type: 'message_start', message });
  for (const [index, block] of blocks.entries()) {
    const delta = (inner) => ({ type: 'content_block_delta', index, delta: inner });
    if (block.type === 'thinking') {
      stream.event({ type: 'content_block_start', index, content_block: { type: 'thinking', thinking: '', signature: '' } });
      stream.event(delta({ type: 'thinking_delta', thinking: block.thinking }));
      stream.event(delta({ type: 'signature_delta', signature: block.signature }));
    } else if (block.type === 'text') {
      stream.event({ type: 'content_block_start', index, content_block: { type: 'text', text: '' } });
      for (const text of pieces(block.text)) if (!(await stream.piece(delta({ type: 'text_delta', text })))) return;
    } else {
      stream.event({ type: 'content_block_start', index, content_block: { ...block, input: {} } });
      for (const part of pieces(JSON.stringify(block.input))) stream.event(delta({ type: 'input_json_delta', partial_json: part }));
    }
    stream.event({ type: 'content_block_stop', index });
  }
  stream.event({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens } });
  stream.event({ type: 'message_stop' });
  response.end();
}

function responsesItem({ tool, input }) {
  const common = { call_id: newId('call'), name: tool.name, status: 'completed' };
  if (tool.kind === 'custom') return { type: 'custom_tool_call', id: newId('ctc'), ...common, input };
  return { type: 'function_call', id: newId('fc'), ...common, arguments: JSON.stringify(input) };
}

async function tellResponses(response, body, asked, said) {
  const output = [];
  if (said.thought) output.push({ type: 'reasoning', id: newId('rs'), summary: [{ type: 'summary_text', text: said.thought }] });
  output.push({ type: 'message', id: newId('msg'), role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: said.text, annotations: [] }] });
  if (said.call) output.push(responsesItem(said.call));
  const output_tokens = tokens(said.text);
  const usage = {
    input_tokens: 42,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 42 + output_tokens,
  };
  const base = { id: newId('resp'), object: 'response', created_at: Math.floor(Date.now() / 1000), model: body.model, error: null, incomplete_details: null };
  const whole = { ...base, status: 'completed', output, usage };
  if (!body.stream) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(whole));
    return;
  }
  const stream = new Stream(response, asked.scenario === 'trunc', said.between);
  let sequence_number = 0;
  const numbered = (type, more) => ({ type, sequence_number: sequence_number++, ...more });
  stream.event(numbered('response.created', { response: { ...base, status: 'in_progress', output: [] } }));
  for (const [output_index, item] of output.entries()) {
    const at = { item_id: item.id, output_index };
    if (item.type === 'message') {
      const place = { ...at, content_index: 0 };
      stream.event(numbered('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', content: [] } }));
      stream.event(numbered('response.content_part.added', { ...place, part: { type: 'output_text', text: '', annotations: [] } }));
      for (const delta of pieces(said.text))
        if (!(await stream.piece(numbered('response.output_text.delta', { ...place, delta })))) return;
      stream.event(numbered('response.output_text.done', { ...place, text: said.text }));
      stream.event(numbered('response.content_part.done', { ...place, part: item.content[0] }));
    } else {
      stream.event(numbered('response.output_item.added', { output_index, item: { ...item, status: 'in_progress' } }));
    }
    stream.event(numbered('response.output_item.done', { output_index, item }));
  }
  stream.event(numbered('response.completed', { response: whole }));
  response.end();
}

// --- the server ------------------------------------------------------------------------------

const failedOnce = new Set();

async function serve(request, response, bytes) {
  let url = request.url;
  let fromUrl = 'ok';
  const named = /^\/s\/([a-z0-9]+)(\/.*)?$/.exec(url.split('?')[0]);
  if (named) [, fromUrl, url] = [null, named[1], named[2] || '/'];
  const path = url.split('?')[0];
  let body = {};
  try {
    body = JSON.parse(bytes.toString() || '{}');
  } catch {
    /* not ours to judge */
  }
  const answer = (status, value) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify(value));
  };
  const dialect = path.endsWith('/messages') ? 'anthropic' : path.endsWith('/responses') ? 'responses' : null;
  if (path.endsWith('/messages/count_tokens')) return answer(200, { input_tokens: 42 });
  if (request.method === 'GET' && path.endsWith('/models'))
    return answer(200, { object: 'list', data: [{ id: 'scripted', object: 'model' }], models: [] });
  if (request.method === 'HEAD') return answer(200);
  if (!dialect || request.method !== 'POST') return answer(404, { error: { type: 'not_found_error', message: `nothing at ${path}` } });

  const asked = understand(dialect, body, fromUrl);
  log({ at: new Date().toISOString(), path, ...asked, tools: toolsOf(body).map((tool) => tool.name) });
  if (asked.scenario === 'hang') return undefined;
  let error = asked.scenario;
  if (error.endsWith('once')) {
    const key = `${dialect} ${error} ${asked.tasks}`;
    error = failedOnce.has(key) ? '' : error.slice(0, -'once'.length);
    failedOnce.add(key);
  }
  if (kErrors[error]) return refuse(response, dialect, error);
  if (asked.scenario === 'limit' && limit(response, dialect)) return undefined;
  const said = turn(asked, body);
  return dialect === 'anthropic' ? tellAnthropic(response, body, asked, said) : tellResponses(response, body, asked, said);
}

const server = http.createServer((request, response) => {
  const chunks = [];
  response.on('error', () => {});
  request.on('error', () => {});
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    serve(request, response, Buffer.concat(chunks)).catch((error) => {
      log({ error: String(error.stack) });
      response.destroy();
    });
  });
});
// Codex tries a WebSocket first and takes this as "use HTTP".
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {});
  socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});
server.listen(Number(option('port', '0')), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}`),
);
for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => process.exit(0));
