// SPDX-License-Identifier: Apache-2.0
// Runtime client for Node functions: the loop between the Lambda runtime API and a handler
// (CommonJS or ESM; async or callback style). Runs inside a sandbox as `node bootstrap.mjs` with
// the environment that engine/sandbox sets. One keep-alive connection carries all calls.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import util from 'node:util';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const PREFIX = '/2018-06-01/runtime/';
let requestId;

// --- the runtime API ---

class RuntimeApi {
  constructor(address) {
    this.address = address;
    this.chunks = Buffer.alloc(0);
    this.waiting = null;
  }

  connect() {
    const [host, port] = this.address.split(':');
    return new Promise((resolve, reject) => {
      this.socket = net.connect({ host, port: Number(port), noDelay: true }, resolve);
      this.socket.on('error', reject);
      this.socket.on('close', () => process.exit(0)); // the sandbox is being closed
      this.socket.on('data', (data) => this.receive(data));
    });
  }

  receive(data) {
    this.chunks = this.chunks.length === 0 ? data : Buffer.concat([this.chunks, data]);
    if (this.needed && this.chunks.length < this.needed) return;
    const end = this.chunks.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = this.chunks.toString('latin1', 0, end).split('\r\n');
    const headers = {};
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const length = Number(headers['content-length'] ?? 0);
    this.needed = end + 4 + length;
    if (this.chunks.length < this.needed) return;
    const body = this.chunks.subarray(end + 4, this.needed);
    this.chunks = this.chunks.subarray(this.needed);
    this.needed = 0;
    const done = this.waiting;
    this.waiting = null;
    done({ status: Number(lines[0].split(' ')[1]), headers, body });
  }

  call(method, target, body = '', headers = '') {
    const bytes = Buffer.from(body);
    const head = `${method} ${PREFIX}${target} HTTP/1.1\r\nHost: ${this.address}\r\n` +
      `Content-Length: ${bytes.length}\r\n${headers}\r\n`;
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.socket.write(Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
    });
  }

  next() {
    return this.call('GET', 'invocation/next');
  }

  report(target, document) {
    const type = document.errorType.replace(/[^\x20-\x7e]/g, '?');
    return this.call('POST', target, JSON.stringify(document),
      `Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: ${type}\r\n`);
  }
}

// --- errors and logs ---

class FaultError extends Error {
  constructor(type, message) {
    super(message);
    this.name = type;
    this.stack = `${type}: ${message}`;
  }
}

function errorDocument(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    return { errorType: error.name || 'Error', errorMessage: error.message,
      trace: (error.stack || '').split('\n') };
  }
  return { errorType: typeof error,
    errorMessage: typeof error === 'string' ? error : util.inspect(error), trace: [] };
}

function write(text) {
  // Synchronous: what was logged stands before the answer, even when the process ends next.
  const bytes = Buffer.from(text.replace(/\n/g, '\r') + '\n');
  for (let done = 0; done < bytes.length;) {
    try {
      done += fs.writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

function setUpConsole() {
  const levels = { debug: 'DEBUG', trace: 'TRACE', log: 'INFO', info: 'INFO', warn: 'WARN',
    error: 'ERROR' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...words) => {
      const id = requestId ?? 'undefined';
      write(`${new Date().toISOString()}\t${id}\t${level}\t${util.format(...words)}`);
    };
  }
}

function logFault(label, error) {
  const document = errorDocument(error);
  write(`${new Date().toISOString()}\t${requestId ?? 'undefined'}\tERROR\t${label} \t` +
    JSON.stringify({ ...document, trace: undefined, stack: document.trace }));
}

// --- the handler ---

function moduleFile(root) {
  for (const suffix of ['', '.js', '.mjs', '.cjs']) {
    const file = root + suffix;
    if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  return undefined;
}

async function importModule(file) {
  if (file.endsWith('.mjs')) return import(pathToFileURL(file).href);
  try {
    return createRequire(file)(file);
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM' && !isModuleSyntax(error)) throw error;
    return import(pathToFileURL(file).href);
  }
}

// A .js file of a package with "type": "module" that an older require() takes for CommonJS.
function isModuleSyntax(error) {
  return error instanceof SyntaxError &&
    /Cannot use import statement|Unexpected token 'export'/.test(error.message);
}

async function loadHandler(text, taskRoot) {
  const base = path.basename(text);
  const dot = base.indexOf('.');
  if (dot < 0) throw new FaultError('Runtime.MalformedHandlerName', 'Bad handler');
  if (text.includes('..')) {
    throw new FaultError('Runtime.MalformedHandlerName',
      `'${text}' is not a valid handler name. Use absolute paths when specifying root directories`);
  }
  const root = path.resolve(taskRoot, path.dirname(text), base.slice(0, dot));
  const file = moduleFile(root);
  if (!file) {
    throw new FaultError('Runtime.ImportModuleError',
      `Error: Cannot find module '${base.slice(0, dot)}'\nRequire stack:\n- bootstrap.mjs`);
  }
  let found;
  try {
    found = await importModule(file);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new FaultError('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    }
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new FaultError('Runtime.ImportModuleError', `Error: ${error.message}`);
    }
    throw error;
  }
  const property = base.slice(dot + 1);
  const pick = (module) => property.split('.').reduce((at, name) => at?.[name], module);
  const handler = pick(found) ?? pick(found?.default);
  if (handler === undefined) {
    throw new FaultError('Runtime.HandlerNotFound', `${text} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw new FaultError('Runtime.HandlerNotFound', `${text} is not a function`);
  }
  return handler;
}

function makeContext(headers, settle) {
  const environment = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parse = (text) => (text ? JSON.parse(text) : undefined);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    clientContext: parse(headers['lambda-runtime-client-context']),
    identity: parse(headers['lambda-runtime-cognito-identity']),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: (error, result) => settle(error, result, context),
    fail: (error) => settle(error ?? new Error('null'), undefined, context),
    succeed: (result) => settle(null, result, context),
  };
  return context;
}

// The handler's result by whichever way it gives one: a promise, the callback, or the context.
function runHandler(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const finish = (error, result) =>
      (error !== null && error !== undefined ? reject(error) : resolve(result));
    // The callback's result is sent when nothing is left to do, unless the context says otherwise.
    const settle = (error, result, context) => {
      if (error || !context.callbackWaitsForEmptyEventLoop) return finish(error, result);
      whenEmpty(() => finish(null, result));
    };
    const context = makeContext(headers, (error, result, own) => {
      own.callbackWaitsForEmptyEventLoop = false;
      settle(error, result, own);
    });
    const returned = handler(event, context, (error, result) => settle(error, result, context));
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
  });
}

// The connection does not count while a handler runs, so that beforeExit tells when nothing is left
// to do: then a callback's result is sent, and a handler that gave none ends with null.
let emptied = null; // what a callback waits with
let abandon = null; // ends the handler that runs now
function whenEmpty(then) {
  emptied = then;
}

process.on('beforeExit', () => {
  const then = emptied;
  emptied = null;
  api.socket.ref();
  if (then) then();
  else if (abandon) abandon(null);
});

async function runOnce(handler) {
  const { status, headers, body } = await api.next();
  if (status !== 200) process.exit(0);
  requestId = headers['lambda-runtime-aws-request-id'];
  if (headers['lambda-runtime-trace-id']) {
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  } else {
    delete process.env._X_AMZN_TRACE_ID;
  }
  let text;
  let fault;
  try {
    const event = JSON.parse(body.toString());
    api.socket.unref();
    const result = await Promise.race([
      runHandler(handler, event, headers),
      new Promise((resolve) => { abandon = resolve; }),
    ]);
    text = encode(result);
  } catch (error) {
    fault = { error };
  }
  api.socket.ref();
  abandon = emptied = null;
  if (fault) {
    logFault('Invoke Error', fault.error);
    await api.report(`invocation/${requestId}/error`, errorDocument(fault.error));
    return;
  }
  await api.call('POST', `invocation/${requestId}/response`, text,
    'Content-Type: application/json\r\n');
}

function encode(result) {
  try {
    return JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    throw new FaultError('Runtime.MarshalError', `Unable to stringify response body: ${error}`);
  }
}

// An error that no handler catches ends the runtime, as on AWS, after it has been told.
async function uncaught(type, error) {
  const fault = new FaultError(type, String(error?.message ?? error));
  fault.stack = error?.stack ?? fault.stack;
  logFault('Uncaught Exception', fault);
  api.socket.ref();
  if (abandon) await api.report(`invocation/${requestId}/error`, errorDocument(error));
  process.exit(129);
}

const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
await api.connect();
setUpConsole();
process.on('uncaughtException', (error) => uncaught('Runtime.UncaughtException', error));
process.on('unhandledRejection', (error) => uncaught('Runtime.UnhandledPromiseRejection', error));
let handler;
try {
  const root = process.env.LAMBDA_TASK_ROOT ?? '/var/task';
  handler = await loadHandler(process.env._HANDLER ?? '', root);
} catch (error) {
  logFault('Init Error', error);
  await api.report('init/error', errorDocument(error));
  process.exit(1);
}
for (;;) await runOnce(handler);
